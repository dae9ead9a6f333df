//! Arithmetic of colours: contrast (WCAG 2.2, "relative luminance"), and the nearest of fewer colours.

use ratatui::style::Color;

/// The contrast of two colours, 1 to 21; 21 for colours that are not known.
pub(super) fn ratio(one: Color, other: Color) -> f64 {
    let (Some(one), Some(other)) = (luminance(one), luminance(other)) else {
        return 21.0;
    };
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The colour, moved towards black or white until it can be read on this ground.
pub(super) fn readable(colour: Color, ground: Color) -> Color {
    let Color::Rgb(..) = colour else {
        return colour;
    };
    let goal = if luminance(ground).unwrap_or(0.0) < 0.2 {
        Color::Rgb(255, 255, 255)
    } else {
        Color::Rgb(0, 0, 0)
    };
    (0..=10)
        .map(|tenths| mixed(colour, goal, tenths))
        .find(|candidate| ratio(*candidate, ground) >= 4.5)
        .unwrap_or(goal)
}

/// The nearest of xterm's 256 colours: the 6×6×6 cube (16 to 231) or the greys (232 to 255).
pub(super) fn nearest_indexed(colour: Color) -> Color {
    let Some(wished) = rgb(colour) else {
        return colour;
    };
    let nearest = (16..=255u8).min_by_key(|index| distance(indexed(*index), wished));
    Color::Indexed(nearest.unwrap_or(7))
}

/// A colour of the palette in red, green and blue: the first sixteen as terminals mostly have them.
pub(super) fn in_full(colour: Color) -> Color {
    const FIRST: [u32; 16] = [
        0x00_0000, 0xcd_3131, 0x0d_bc79, 0xe5_e510, 0x24_72c8, 0xbc_3fbc, 0x11_a8cd, 0xe5_e5e5,
        0x66_6666, 0xf1_4c4c, 0x23_d18b, 0xf5_f543, 0x3b_8eea, 0xd6_70d6, 0x29_b8db, 0xff_ffff,
    ];
    match colour {
        Color::Indexed(index @ 0..16) => {
            let [_, red, green, blue] = FIRST[usize::from(index)].to_be_bytes();
            Color::Rgb(red, green, blue)
        }
        Color::Indexed(index) => {
            let (red, green, blue) = indexed(index);
            Color::Rgb(red, green, blue)
        }
        other => other,
    }
}

/// What an index of 16 or more looks like.
pub(super) fn indexed(index: u8) -> (u8, u8, u8) {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    if index >= 232 {
        let grey = 8 + (index - 232) * 10;
        return (grey, grey, grey);
    }
    let cube = usize::from(index.saturating_sub(16));
    (STEPS[cube / 36], STEPS[cube / 6 % 6], STEPS[cube % 6])
}

fn rgb(colour: Color) -> Option<(u8, u8, u8)> {
    match colour {
        Color::Rgb(red, green, blue) => Some((red, green, blue)),
        Color::Indexed(index @ 16..) => Some(indexed(index)),
        _ => None,
    }
}

fn luminance(colour: Color) -> Option<f64> {
    let (red, green, blue) = rgb(colour)?;
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    Some(0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue))
}

fn mixed(from: Color, to: Color, tenths: u16) -> Color {
    let (Some(from), Some(to)) = (rgb(from), rgb(to)) else {
        return from;
    };
    let mix = |from: u8, to: u8| {
        let mixed = (u16::from(from) * (10 - tenths) + u16::from(to) * tenths) / 10;
        u8::try_from(mixed).unwrap_or(u8::MAX)
    };
    Color::Rgb(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

fn distance(one: (u8, u8, u8), other: (u8, u8, u8)) -> u32 {
    let part = |one: u8, other: u8| u32::from(one.abs_diff(other)).pow(2);
    // The eye tells greens apart best and blues worst.
    3 * part(one.0, other.0) + 6 * part(one.1, other.1) + part(one.2, other.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        let black_on_white = ratio(Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255));
        assert!((black_on_white - 21.0).abs() < 0.01);
        let grey_on_white = ratio(Color::Rgb(0x76, 0x76, 0x76), Color::Rgb(255, 255, 255));
        assert!((grey_on_white - 4.54).abs() < 0.01);
    }

    #[test]
    fn colours_of_the_cube_are_their_own_nearest() {
        for index in [16, 46, 196, 231, 240] {
            let (red, green, blue) = indexed(index);
            let found = nearest_indexed(Color::Rgb(red, green, blue));
            assert_eq!(found, Color::Indexed(index));
        }
    }
}
