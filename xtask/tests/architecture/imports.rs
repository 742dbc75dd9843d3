//! Which file of a crate imports from which: read from the syntax tree, tests left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A module's path within its crate; empty for the crate's root.
type Module = Vec<String>;

/// One file: its module, and the paths that it names.
struct File {
    path: PathBuf,
    names: Vec<Vec<String>>,
    /// What it imports or re-exports, by the name under which others find it.
    exports: BTreeMap<String, Vec<String>>,
}

/// The files of a crate, and the files that each imports from.
pub(crate) fn imports(crate_root: &Path) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let mut files = BTreeMap::new();
    read(crate_root, Vec::new(), &mut files);
    let mut edges = BTreeMap::new();
    for (module, file) in &files {
        let targets = file
            .names
            .iter()
            .filter_map(|name| target(&files, absolute(module, name)?, 0))
            .filter(|target| *target != file.path);
        edges.insert(file.path.clone(), targets.collect());
    }
    edges
}

/// A path from the crate's root, without its leading `crate`, `self` and `super`.
fn absolute(module: &Module, name: &[String]) -> Option<Vec<String>> {
    let mut base = match name.first()?.as_str() {
        "crate" => Vec::new(),
        "self" => module.clone(),
        "super" => module[..module.len().checked_sub(1)?].to_vec(),
        _ => return None,
    };
    let mut rest = &name[1..];
    while rest.first().is_some_and(|part| part == "super") {
        base.pop()?;
        rest = &rest[1..];
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// The file that holds an item: re-exports are followed to where they come from.
fn target(files: &BTreeMap<Module, File>, path: Vec<String>, depth: usize) -> Option<PathBuf> {
    let (module, file) = (0..=path.len())
        .rev()
        .find_map(|end| Some((&path[..end], files.get(&path[..end])?)))?;
    let item = path.get(module.len());
    let source = item.and_then(|item| file.exports.get(item));
    match source {
        Some(source) if depth < 8 => {
            let mut full = absolute(&module.to_vec(), source).unwrap_or_else(|| {
                let mut full = module.to_vec();
                full.extend_from_slice(source);
                full
            });
            full.extend_from_slice(&path[module.len() + 1..]);
            target(files, full, depth + 1)
        }
        _ => Some(file.path.clone()),
    }
}

fn read(path: &Path, module: Module, files: &mut BTreeMap<Module, File>) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let tree = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let folder = match path.file_name().and_then(|name| name.to_str()) {
        Some("lib.rs" | "main.rs" | "mod.rs") => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    let mut names = Names::default();
    names.visit_file(&tree);
    for item in &tree.items {
        let Item::Mod(child) = item else { continue };
        if child.content.is_some() || is_test(&child.attrs) {
            continue;
        }
        let name = child.ident.to_string();
        let flat = folder.join(format!("{name}.rs"));
        let nested = folder.join(&name).join("mod.rs");
        let mut inner = module.clone();
        inner.push(name);
        read(if flat.is_file() { &flat } else { &nested }, inner, files);
    }
    let children: BTreeSet<String> = files
        .keys()
        .filter(|child| child.len() == module.len() + 1 && child.starts_with(&module))
        .map(|child| child[module.len()].clone())
        .collect();
    // `use child::Item` is a path from this module.
    for name in &mut names.names {
        if children.contains(&name[0]) {
            name.insert(0, "self".to_owned());
        }
    }
    let file = File {
        path: path.to_owned(),
        names: names.names,
        exports: names.exports,
    };
    files.insert(module, file);
}

/// Collects every path that a file names, outside its tests.
#[derive(Default)]
struct Names {
    names: Vec<Vec<String>>,
    exports: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn add(&mut self, tree: &UseTree, before: &[String], exported: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add(&path.tree, &with(&path.ident), exported),
            UseTree::Name(name) => self.leaf(with(&name.ident), &name.ident, exported),
            UseTree::Rename(rename) => self.leaf(with(&rename.ident), &rename.rename, exported),
            UseTree::Glob(_) => self.names.push(before.to_vec()),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add(tree, before, exported);
                }
            }
        }
    }

    fn leaf(&mut self, path: Vec<String>, name: &syn::Ident, exported: bool) {
        // A re-export is no import: a file that uses it imports from where it is defined. The same holds
        // for a child module that reaches through its parent's imports.
        if !exported {
            self.names.push(path.clone());
        }
        self.exports.insert(name.to_string(), path);
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, Visibility::Inherited);
        self.add(&item.tree, &[], exported);
    }

    /// `pub(crate)` holds a path, and imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.names.push(names.collect());
        visit::visit_path(self, path);
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let cfg = attribute.path().is_ident("cfg");
        cfg && attribute
            .meta
            .require_list()
            .is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}
