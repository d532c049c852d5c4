//! A token as a WASI reactor: every export is a call. It reads its input from standard input and writes its output to standard output.
//! contracts/token-go is the same contract, and its head says what the exports take and give.

mod lockstep;

use lockstep::Address;
use std::io::{Read, Write};

/// What is wrong with a call, in words.
type Failure = String;

#[unsafe(no_mangle)]
extern "C" fn constructor() -> i32 {
    answer(|supply: [u8; 8]| {
        lockstep::store(&balance_key(&lockstep::caller()), &supply);
        Ok(Vec::new())
    })
}

#[unsafe(no_mangle)]
extern "C" fn balance_of() -> i32 {
    answer(|account: Address| Ok(balance(&account).to_be_bytes().to_vec()))
}

#[unsafe(no_mangle)]
extern "C" fn transfer() -> i32 {
    answer(|input: [u8; 28]| {
        let (to, amount) = input.split_at(20);
        let (from, to) = (lockstep::caller(), Address::try_from(to).map_err(|error| error.to_string())?);
        let moved = u64::from_be_bytes(amount.try_into().map_err(|_| "no amount".to_owned())?);
        let left = balance(&from);
        let left = left.checked_sub(moved).ok_or_else(|| format!("the balance is {left}, less than {moved}"))?;
        lockstep::store(&balance_key(&from), &left.to_be_bytes());
        // The supply is 64 bits, so the sum of two balances is too.
        lockstep::store(&balance_key(&to), &balance(&to).wrapping_add(moved).to_be_bytes());
        lockstep::emit(&[topic(&from), topic(&to)], amount);
        Ok(Vec::new())
    })
}

fn balance(account: &Address) -> u64 {
    u64::from_be_bytes(lockstep::load(&balance_key(account)))
}

fn balance_key(account: &Address) -> Vec<u8> {
    [b"balance/".as_slice(), account].concat()
}

/// An account behind twelve zeros.
fn topic(account: &Address) -> [u8; 32] {
    let mut topic = [0; 32];
    topic[12..].copy_from_slice(account);
    topic
}

/// Answers a call whose input has `N` bytes: 0, or 1 and a line on standard error.
fn answer<const N: usize>(method: impl FnOnce([u8; N]) -> Result<Vec<u8>, Failure>) -> i32 {
    match run(method) {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("{failure}");
            1
        }
    }
}

fn run<const N: usize>(method: impl FnOnce([u8; N]) -> Result<Vec<u8>, Failure>) -> Result<(), Failure> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).map_err(|error| error.to_string())?;
    let input = <[u8; N]>::try_from(input.as_slice())
        .map_err(|_| format!("the input has {} bytes, expected {N}", input.len()))?;
    let output = method(input)?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&output).and_then(|()| stdout.flush()).map_err(|error| error.to_string())
}
