//! The numbers that can be summed: what their bytes mean, and in which order those lie.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In which order the bytes of a number lie. Numbers of one byte are [`Order::Little`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// Least significant byte first (`<`).
    Little,
    /// Most significant byte first (`>`).
    Big,
}

impl Order {
    /// The order of the machine that this program was built for.
    pub const NATIVE: Order = if cfg!(target_endian = "big") {
        Order::Big
    } else {
        Order::Little
    };
}

/// What the bytes of a number mean, but for their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// IEEE 754 binary32.
    F4,
    /// IEEE 754 binary64.
    F8,
    /// Signed, 1 byte.
    I1,
    /// Signed, 2 bytes.
    I2,
    /// Signed, 4 bytes.
    I4,
    /// Signed, 8 bytes.
    I8,
    /// Unsigned, 1 byte.
    U1,
    /// Unsigned, 2 bytes.
    U2,
    /// Unsigned, 4 bytes.
    U4,
    /// Unsigned, 8 bytes.
    U8,
    /// One byte: 0 is false, anything else true.
    Bool,
    /// IEEE 754 binary16. Last, since a kind crosses sockets as its number.
    F2,
}

impl Kind {
    /// Every kind of number that can be summed.
    pub const ALL: [Kind; 12] = [
        Kind::F4,
        Kind::F8,
        Kind::I1,
        Kind::I2,
        Kind::I4,
        Kind::I8,
        Kind::U1,
        Kind::U2,
        Kind::U4,
        Kind::U8,
        Kind::Bool,
        Kind::F2,
    ];

    /// Bytes of one value.
    pub const fn size(self) -> usize {
        match self {
            Kind::I1 | Kind::U1 | Kind::Bool => 1,
            Kind::F2 | Kind::I2 | Kind::U2 => 2,
            Kind::F4 | Kind::I4 | Kind::U4 => 4,
            Kind::F8 | Kind::I8 | Kind::U8 => 8,
        }
    }

    /// Whether its values are whole numbers (bool counts as 0 and 1), whose sum is one too.
    pub const fn is_integer(self) -> bool {
        !matches!(self, Kind::F2 | Kind::F4 | Kind::F8)
    }

    /// NumPy's letter and size.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Kind::F4 => "f4",
            Kind::F8 => "f8",
            Kind::I1 => "i1",
            Kind::I2 => "i2",
            Kind::I4 => "i4",
            Kind::I8 => "i8",
            Kind::U1 => "u1",
            Kind::U2 => "u2",
            Kind::U4 => "u4",
            Kind::U8 => "u8",
            Kind::Bool => "b1",
            Kind::F2 => "f2",
        }
    }
}

/// A number that can be summed. Displayed as NumPy writes it: `<f8`, `>i4`, `|b1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scalar {
    /// What its bytes mean.
    pub kind: Kind,
    /// How they are ordered.
    pub order: Order,
}

impl Scalar {
    /// A number of `kind` in `order`; the order of a single byte is always [`Order::Little`].
    pub const fn new(kind: Kind, order: Order) -> Scalar {
        let order = if kind.size() == 1 {
            Order::Little
        } else {
            order
        };
        Scalar { kind, order }
    }

    /// Bytes of one value.
    pub const fn size(self) -> usize {
        self.kind.size()
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match (self.size(), self.order) {
            (1, _) => '|',
            (_, Order::Little) => '<',
            (_, Order::Big) => '>',
        };
        write!(formatter, "{order}{}", self.kind.code())
    }
}
