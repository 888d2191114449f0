//! The values of a `skep.toml`: durations with units, numbers in two bases, words.

use std::fmt;

use kernel_core::manifest;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// A length of time, above 0: `"5ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) struct Span(u64);

impl Span {
    pub(super) fn ns(self) -> u64 {
        self.0
    }
}

impl TryFrom<toml::Value> for Span {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        const RULE: &str = "is no duration: write a whole number and ns, us, ms or s, like \"5ms\"";
        let text = value.as_str().ok_or_else(|| format!("`{value}` {RULE}"))?;
        let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let ns = match unit.trim_start() {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            _ => return Err(format!("`{text}` {RULE}")),
        };
        let total = count.parse::<u64>().ok().and_then(|count| count.checked_mul(ns));
        let total =
            total.ok_or_else(|| format!("`{text}` is longer than 2^64 nanoseconds, or not a number"))?;
        if total == 0 { Err("a duration must be above 0".into()) } else { Ok(Self(total)) }
    }
}

/// A value of 64 bits: a number, where a negative one means its two's complement, or text in decimal or `"0x…"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl Number {
    fn from_text(text: &str) -> Result<Self, String> {
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        parsed.map(Self).map_err(|error| format!("`{text}` is no number of 64 bits: {error}"))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, or text like \"0x1f\"")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number(value.cast_unsigned()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        Number::from_text(text).map_err(E::custom)
    }
}

/// What must come of a program; `None` if nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expect(pub(super) Option<manifest::Expect>);

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpectVisitor).map(|expect| Self(Some(expect)))
    }
}

struct ExpectVisitor;

impl Visitor<'_> for ExpectVisitor {
    type Value = manifest::Expect;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("r0 as a number or as text like \"0x1f\", or \"rejected\"")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        NumberVisitor.visit_i64(value).map(|number| manifest::Expect::R0(number.0))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(manifest::Expect::R0(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "rejected" => Ok(manifest::Expect::Rejected),
            _ => NumberVisitor.visit_str(text).map(|number| manifest::Expect::R0(number.0)),
        }
    }
}

/// When a program runs; once, if nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trigger(pub(super) manifest::Trigger);

impl Default for Trigger {
    fn default() -> Self {
        Self(manifest::Trigger::Once)
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TriggerVisitor)
    }
}

struct TriggerVisitor;

impl<'de> Visitor<'de> for TriggerVisitor {
    type Value = Trigger;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"once\", \"xdp\" or { every = \"10ms\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Trigger, E> {
        match text {
            "once" => Ok(Trigger(manifest::Trigger::Once)),
            "xdp" => Ok(Trigger(manifest::Trigger::Xdp)),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Trigger, A::Error> {
        let periodic = Periodic::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Trigger(manifest::Trigger::Every { period_ns: periodic.every.ns() }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Periodic {
    every: Span,
}

/// [`manifest::Priority`], read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Critical,
}

impl From<Priority> for manifest::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Low => Self::Low,
            Priority::Normal => Self::Normal,
            Priority::High => Self::High,
            Priority::Critical => Self::Critical,
        }
    }
}

/// [`manifest::Criticality`], read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Criticality {
    #[default]
    Low,
    High,
}

impl From<Criticality> for manifest::Criticality {
    fn from(criticality: Criticality) -> Self {
        match criticality {
            Criticality::Low => Self::Low,
            Criticality::High => Self::High,
        }
    }
}

/// [`manifest::OnRestart`], read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnRestart {
    Keep,
    #[default]
    Clear,
}

impl From<OnRestart> for manifest::OnRestart {
    fn from(on_restart: OnRestart) -> Self {
        match on_restart {
            OnRestart::Keep => Self::Keep,
            OnRestart::Clear => Self::Clear,
        }
    }
}
