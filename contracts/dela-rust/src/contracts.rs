//! What the four contracts compute, from a parsed request to the text of the result.

use crate::curve::{base_muls, point_adds, point_muls};
use base64::{Engine, engine::general_purpose::STANDARD};
use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY};
use serde_json::Value;

/// Operations that one call may be asked for.
const COUNT_MAX: u64 = 1_000_000;

/// `increaseCounter`.
pub fn increase_counter(request: &Value) -> Result<String, String> {
    let counter = request["counter"].as_i64().filter(|counter| counter.unsigned_abs() < 1_000_000_000_000_000_000);
    Ok((counter.ok_or("counter is not a whole number")? + 1).to_string())
}

/// `simpleEC`.
pub fn base_mul(request: &Value) -> Result<String, String> {
    let n = count(request)?;
    Ok(encode(&base_muls(n, scalar(request)?)))
}

/// `ed25519_mul`.
pub fn point_mul(request: &Value) -> Result<String, String> {
    let n = count(request)?;
    let scalar = scalar(request)?;
    Ok(encode(&point_muls(n, scalar, point(request, "point1")?)))
}

/// `ed25519`.
pub fn point_add(request: &Value) -> Result<String, String> {
    let n = count(request)?;
    let first = point(request, "point1")?;
    Ok(encode(&point_adds(n, first, point(request, "point2")?)))
}

fn count(request: &Value) -> Result<u64, String> {
    let n = request.get("n").map_or(Some(1), Value::as_u64);
    n.filter(|n| (1..=COUNT_MAX).contains(n)).ok_or_else(|| format!("n is not a count from 1 to {COUNT_MAX}"))
}

fn bytes(request: &Value, name: &str) -> Option<[u8; 32]> {
    STANDARD.decode(request[name].as_str()?).ok()?.try_into().ok()
}

fn scalar(request: &Value) -> Result<Scalar, String> {
    let bytes = bytes(request, "scalar").filter(|bytes| bytes[31] < 0x10);
    Ok(Scalar::from_bytes_mod_order(bytes.ok_or("scalar is not a scalar in base 64")?))
}

fn point(request: &Value, name: &str) -> Result<EdwardsPoint, String> {
    let point = bytes(request, name).and_then(|bytes| CompressedEdwardsY(bytes).decompress());
    point.ok_or_else(|| format!("{name} is not a point in base 64"))
}

fn encode(point: &EdwardsPoint) -> String {
    STANDARD.encode(point.compress().as_bytes())
}
