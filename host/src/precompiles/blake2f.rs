//! `blake2f`: the compression function F of BLAKE2b with a chosen number of rounds (EIP-152; RFC 7693, section 3.2).

/// The input: rounds (4 bytes, big-endian), state (8 words), block (16 words), offset (2 words), all words little-endian,
/// and whether this is the last block (1 byte).
const INPUT_BYTES: usize = 213;

/// The initialization vector of BLAKE2b (RFC 7693, section 2.6).
const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// The rounds that an input asks for; `None` if it is of another length than 213 bytes.
pub(super) fn rounds(input: &[u8]) -> Option<u32> {
    let input: &[u8; INPUT_BYTES] = input.try_into().ok()?;
    input.first_chunk().map(|rounds| u32::from_be_bytes(*rounds))
}

/// The state after the rounds, 8 words; `None` if the input is of another length than 213 bytes, or its last byte is
/// neither 0 nor 1.
pub(super) fn blake2f(input: &[u8]) -> Option<[u8; 64]> {
    let rounds = rounds(input)?;
    let [words @ .., last] = input.get(4..)? else { return None };
    let is_last = match last {
        0 => false,
        1 => true,
        _ => return None,
    };
    let words = words.as_chunks::<8>().0;
    let (state, words) = words.split_first_chunk::<8>()?;
    let (block, words) = words.split_first_chunk::<16>()?;
    let offset: &[[u8; 8]; 2] = words.first_chunk()?;
    let state = compress(
        rounds,
        &state.map(u64::from_le_bytes),
        &block.map(u64::from_le_bytes),
        offset.map(u64::from_le_bytes),
        is_last,
    );
    let mut output = [0; 64];
    for (target, word) in output.as_chunks_mut::<8>().0.iter_mut().zip(state) {
        *target = word.to_le_bytes();
    }
    Some(output)
}

/// The mixing function G (RFC 7693, section 3.1) on four words of `$v`. A macro, so that every index is a constant.
macro_rules! mix {
    ($v:ident, $a:literal, $b:literal, $c:literal, $d:literal, $x:expr, $y:expr) => {
        $v[$a] = $v[$a].wrapping_add($v[$b]).wrapping_add($x);
        $v[$d] = ($v[$d] ^ $v[$a]).rotate_right(32);
        $v[$c] = $v[$c].wrapping_add($v[$d]);
        $v[$b] = ($v[$b] ^ $v[$c]).rotate_right(24);
        $v[$a] = $v[$a].wrapping_add($v[$b]).wrapping_add($y);
        $v[$d] = ($v[$d] ^ $v[$a]).rotate_right(16);
        $v[$c] = $v[$c].wrapping_add($v[$d]);
        $v[$b] = ($v[$b] ^ $v[$c]).rotate_right(63);
    };
}

/// One round with a permutation of the block's words (RFC 7693, section 2.7).
macro_rules! round {
    ($v:ident, $m:ident, $($s:literal)*) => { round!(@ $v, [$($m[$s]),*]) };
    (@ $v:ident, [$m0:expr, $m1:expr, $m2:expr, $m3:expr, $m4:expr, $m5:expr, $m6:expr, $m7:expr, $m8:expr, $m9:expr,
        $m10:expr, $m11:expr, $m12:expr, $m13:expr, $m14:expr, $m15:expr]) => {{
        mix!($v, 0, 4, 8, 12, $m0, $m1);
        mix!($v, 1, 5, 9, 13, $m2, $m3);
        mix!($v, 2, 6, 10, 14, $m4, $m5);
        mix!($v, 3, 7, 11, 15, $m6, $m7);
        mix!($v, 0, 5, 10, 15, $m8, $m9);
        mix!($v, 1, 6, 11, 12, $m10, $m11);
        mix!($v, 2, 7, 8, 13, $m12, $m13);
        mix!($v, 3, 4, 9, 14, $m14, $m15);
    }};
}

/// F of RFC 7693 with `rounds` rounds: those beyond the tenth use the permutations again.
fn compress(rounds: u32, state: &[u64; 8], block: &[u64; 16], offset: [u64; 2], is_last: bool) -> [u64; 8] {
    let [h0, h1, h2, h3, h4, h5, h6, h7] = *state;
    let [i0, i1, i2, i3, i4, i5, i6, i7] = IV;
    let [low, high] = offset;
    let i6 = if is_last { !i6 } else { i6 };
    let mut v = [h0, h1, h2, h3, h4, h5, h6, h7, i0, i1, i2, i3, i4 ^ low, i5 ^ high, i6, i7];
    let m = *block;
    for number in 0..rounds {
        match number % 10 {
            0 => round!(v, m, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15),
            1 => round!(v, m, 14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3),
            2 => round!(v, m, 11 8 12 0 5 2 15 13 10 14 3 6 7 1 9 4),
            3 => round!(v, m, 7 9 3 1 13 12 11 14 2 6 5 10 4 0 15 8),
            4 => round!(v, m, 9 0 5 7 2 4 10 15 14 1 11 12 6 8 3 13),
            5 => round!(v, m, 2 12 6 10 0 11 8 3 4 13 7 5 15 14 1 9),
            6 => round!(v, m, 12 5 1 15 14 13 4 10 0 7 6 3 9 2 8 11),
            7 => round!(v, m, 13 11 7 14 12 1 3 9 5 0 15 4 8 6 2 10),
            8 => round!(v, m, 6 15 14 9 11 3 0 8 12 2 13 7 1 4 10 5),
            _ => round!(v, m, 10 2 8 4 7 6 1 5 15 11 9 14 3 12 13 0),
        }
    }
    let (first, second) = v.split_at(8);
    let mut mixed = *state;
    for ((word, first), second) in mixed.iter_mut().zip(first).zip(second) {
        *word ^= first ^ second;
    }
    mixed
}
