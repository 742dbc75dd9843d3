//! How arrays are serialised: as an index into a table by our own encoder, as their elements by all
//! others.

use super::context::{enter, is_decoding, take};
use super::table::Item;
use super::view::{Array, ArrayMut};
use bytemuck::Pod;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

impl<T: Pod + Serialize> Serialize for Array<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (start, len) = self.extent();
        let item = || Item {
            hold: Arc::clone(&self.hold),
            start,
            len,
            mutable: false,
        };
        serialize(self, item, serializer)
    }
}

impl<T: Pod + Serialize> Serialize for ArrayMut<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let item = || Item {
            hold: Arc::clone(&self.hold),
            start: 0,
            len: size_of_val(&**self),
            mutable: true,
        };
        serialize(self, item, serializer)
    }
}

fn serialize<T: Serialize, S: Serializer>(
    elements: &[T],
    item: impl FnOnce() -> Item,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if !serializer.is_human_readable()
        && let Some(index) = enter(item)
    {
        return serializer.serialize_u32(index);
    }
    elements.serialize(serializer)
}

impl<'de, T: Pod + DeserializeOwned> Deserialize<'de> for Array<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Array<T>, D::Error> {
        if !deserializer.is_human_readable() && is_decoding() {
            let index = u32::deserialize(deserializer)?;
            let item = take(index, false, size_of::<T>(), align_of::<T>());
            let Item {
                hold, start, len, ..
            } = item.map_err(D::Error::custom)?;
            return Ok(Array::over(hold, start, Some(len)));
        }
        let elements = Vec::<T>::deserialize(deserializer)?;
        Array::from_vec(elements).map_err(D::Error::custom)
    }
}

impl<'de, T: Pod + DeserializeOwned> Deserialize<'de> for ArrayMut<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ArrayMut<T>, D::Error> {
        if !deserializer.is_human_readable() && is_decoding() {
            let index = u32::deserialize(deserializer)?;
            let item = take(index, true, size_of::<T>(), align_of::<T>());
            let Item { hold, .. } = item.map_err(D::Error::custom)?;
            let hold = Arc::into_inner(hold);
            let hold = hold.ok_or_else(|| D::Error::custom("a mutable array with two holders"))?;
            return Ok(ArrayMut::over(hold));
        }
        let elements = Vec::<T>::deserialize(deserializer)?;
        ArrayMut::from_vec(elements).map_err(D::Error::custom)
    }
}
