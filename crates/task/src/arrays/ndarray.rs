//! Arrays as views of the crate `ndarray`: the same memory, with a shape.

use super::view::{Array, ArrayMut};
use ndarray::{ArrayView, ArrayViewMut, Dimension, ShapeError, StrideShape};

impl<T> Array<T> {
    /// The elements in a shape: rows and columns, say. Needs the feature `ndarray`.
    ///
    /// ```
    /// # use task::Array;
    /// let array = Array::from_vec((0..6).map(f64::from).collect())?;
    /// let rows = array.ndarray((2, 3))?;
    /// assert_eq!(rows.row(1).sum(), 3.0 + 4.0 + 5.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where the shape needs more elements than there are.
    pub fn ndarray<D: Dimension>(
        &self,
        shape: impl Into<StrideShape<D>>,
    ) -> Result<ArrayView<'_, T, D>, ShapeError> {
        ArrayView::from_shape(shape, self)
    }
}

impl<T: bytemuck::Pod> ArrayMut<T> {
    /// The elements in a shape. Needs the feature `ndarray`.
    ///
    /// # Errors
    /// Where the shape needs more elements than there are.
    pub fn ndarray<D: Dimension>(
        &self,
        shape: impl Into<StrideShape<D>>,
    ) -> Result<ArrayView<'_, T, D>, ShapeError> {
        ArrayView::from_shape(shape, self)
    }

    /// The elements in a shape, to be written. Needs the feature `ndarray`.
    ///
    /// ```
    /// # use task::ArrayMut;
    /// let mut array = ArrayMut::<f64>::zeroed(6)?;
    /// array.ndarray_mut((2, 3))?.column_mut(2).fill(1.0);
    /// assert_eq!(*array, [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where the shape needs more elements than there are.
    pub fn ndarray_mut<D: Dimension>(
        &mut self,
        shape: impl Into<StrideShape<D>>,
    ) -> Result<ArrayViewMut<'_, T, D>, ShapeError> {
        ArrayViewMut::from_shape(shape, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_the_same_memory_in_a_shape() {
        let mut array = ArrayMut::from_fn(12, |n| n as u32).unwrap();
        let address = array.as_ptr();
        array.ndarray_mut((3, 4)).unwrap()[(2, 3)] = 100;
        assert_eq!(array[11], 100);
        assert!(array.ndarray((3, 5)).is_err());
        let array = array.freeze();
        let slice = array.slice(4..);
        let view = slice.ndarray((2, 4)).unwrap();
        assert_eq!(view.as_ptr(), address.wrapping_add(4));
        assert_eq!((view[(0, 0)], view[(1, 3)]), (4, 100));
    }
}
