//! Writes a double's exact value as Python's `float.hex()` does.
//!
//! Results are compared across programs and languages by their bits; decimal output would hide, or
//! invent, a difference in the last place.

/// `value` in hexadecimal, exactly as Python's `float.hex()`: `0x1.8000000000000p+1` for 3,
/// `0x0.0000000000001p-1022` for the smallest subnormal, `0x0.0p+0`, `inf`, `-inf`, `nan`.
pub fn float_hex(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    let bits = value.to_bits();
    let (biased, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
    // By its bits: where the CPU takes subnormals for zero, they compare equal to 0.0.
    if (biased, fraction) == (0, 0) {
        return format!("{sign}0x0.0p+0");
    }
    // Subnormals keep the exponent of the smallest normal and lose the leading one.
    let (leading, exponent) = match biased {
        0 => (0, -1022),
        _ => (1, biased as i64 - 1023),
    };
    format!("{sign}0x{leading}.{fraction:013x}p{exponent:+}")
}

#[cfg(test)]
mod tests {
    use super::float_hex;

    #[test]
    fn agrees_with_python() {
        for (value, hex) in [
            (0.0, "0x0.0p+0"),
            (-0.0, "-0x0.0p+0"),
            (1.0, "0x1.0000000000000p+0"),
            (-3.0, "-0x1.8000000000000p+1"),
            (0.1, "0x1.999999999999ap-4"),
            (5e-324, "0x0.0000000000001p-1022"),
            (-1e-310, "-0x0.012688b70e62bp-1022"),
            (f64::MIN_POSITIVE, "0x1.0000000000000p-1022"),
            (f64::MAX, "0x1.fffffffffffffp+1023"),
            (98_966_469.859_977_35, "0x1.7986f17709de7p+26"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ] {
            assert_eq!(float_hex(value), hex);
        }
    }
}
