// A button in every head of a table of rows, which sorts by its column: figures by value, names by text.
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    if (!cell || cell.matches('.why')) return null;
    if (cell.tagName === 'TH') return cell.textContent;
    return 'value' in cell.dataset ? Number(cell.dataset.value) : null;
  };
  heads.forEach((head, column) => {
    if (head.matches('.dots')) return;
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach((other) => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
      rows.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
      });
      table.tBodies[0].append(...rows.map(([, row]) => row));
    });
  });
}
