//! Reading a manifest: every line is checked before the first is acted on.

use super::{
    Criticality, DEFAULT_RUN_FOR_NS, Entry, Expect, MAGIC, MAX_PROGRAMS, Manifest, ManifestError, OnRestart,
    Priority, Reason, Trigger, is_name,
};

/// A piece of the file that knows where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Span<'a> {
    /// The pieces between separators, each with its own offset. An empty span has no pieces.
    fn split(self, separator: char) -> impl Iterator<Item = Span<'a>> {
        let mut offset = self.offset;
        self.text.split_inclusive(separator).map(move |piece| {
            let span = Self { text: piece.strip_suffix(separator).unwrap_or(piece), offset };
            offset += piece.len();
            span
        })
    }

    pub(super) fn lines(self) -> impl Iterator<Item = Span<'a>> {
        self.split('\n')
    }

    /// What stands before and after the first separator.
    fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        let offset = self.offset + before.len() + separator.len_utf8();
        Some((Self { text: before, ..self }, Self { text: after, offset }))
    }

    fn strip_prefix(self, prefix: &str) -> Option<Self> {
        let text = self.text.strip_prefix(prefix)?;
        Some(Self { text, offset: self.offset + prefix.len() })
    }

    fn refuse(self, reason: Reason) -> ManifestError {
        ManifestError { offset: self.offset, reason }
    }
}

pub(super) fn manifest(bytes: &[u8]) -> Result<Manifest<'_>, ManifestError> {
    let text = core::str::from_utf8(bytes)
        .map_err(|error| ManifestError { offset: error.valid_up_to(), reason: Reason::NotUtf8 })?;
    let file = Span { text, offset: 0 };
    let after_magic = file.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix("\n"));
    let body = after_magic.ok_or(file.refuse(Reason::NotAManifest))?;
    if !text.ends_with('\n') {
        return Err(ManifestError { offset: text.len(), reason: Reason::Cut });
    }
    let (run_for_ns, body) = run_for(body)?;
    let (sequence, programs) = sequence(body)?;
    check_programs(programs)?;
    Ok(Manifest { run_for_ns, sequence, programs })
}

/// The `run_for` line, if there is one, and what follows it.
fn run_for(body: Span<'_>) -> Result<(u64, Span<'_>), ManifestError> {
    match body.strip_prefix("run_for=").and_then(|rest| rest.split_once('\n')) {
        Some((value, programs)) => Ok((time_ns(value)?, programs)),
        None => Ok((DEFAULT_RUN_FOR_NS, body)),
    }
}

/// The `sequence` line, if there is one, and what follows it.
fn sequence(body: Span<'_>) -> Result<(u64, Span<'_>), ManifestError> {
    match body.strip_prefix("sequence=").and_then(|rest| rest.split_once('\n')) {
        Some((value, programs)) => Ok((number(value)?, programs)),
        None => Ok((0, body)),
    }
}

fn check_programs(programs: Span<'_>) -> Result<(), ManifestError> {
    for (index, line) in programs.lines().enumerate() {
        if index == MAX_PROGRAMS {
            return Err(line.refuse(Reason::TooManyPrograms));
        }
        let found = entry(line)?;
        // Quadratic, but `MAX_PROGRAMS` bounds it.
        let mut earlier = programs.lines().take(index).filter_map(|line| entry(line).ok());
        if earlier.any(|other| (other.object, other.program) == (found.object, found.program)) {
            return Err(line.refuse(Reason::DuplicateProgram));
        }
    }
    Ok(())
}

/// Reads one `program` line.
pub(super) fn entry(line: Span<'_>) -> Result<Entry<'_>, ManifestError> {
    let tokens = line.strip_prefix("program ").ok_or(line.refuse(Reason::UnknownLine))?;
    let mut fields = Fields::default();
    for token in tokens.split(' ') {
        let (key, value) = token.split_once('=').ok_or(token.refuse(Reason::UnknownKey))?;
        fields.set(key, value)?;
    }
    fields.finish(line)
}

#[derive(Default)]
struct Fields<'a> {
    object: Option<&'a str>,
    program: Option<&'a str>,
    trigger: Option<Trigger>,
    priority: Option<Priority>,
    deadline_ns: Option<u64>,
    criticality: Option<Criticality>,
    expect: Option<Expect>,
    on_restart: Option<OnRestart>,
    safe_value: Option<u64>,
    packets: Option<Span<'a>>,
}

impl<'a> Fields<'a> {
    fn set(&mut self, key: Span<'a>, value: Span<'a>) -> Result<(), ManifestError> {
        let is_new = match key.text {
            "object" => self.object.replace(name(value)?).is_none(),
            "program" => self.program.replace(name(value)?).is_none(),
            "trigger" => self.trigger.replace(trigger(value)?).is_none(),
            "priority" => self.priority.replace(priority(value)?).is_none(),
            "deadline" => self.deadline_ns.replace(time_ns(value)?).is_none(),
            "criticality" => self.criticality.replace(criticality(value)?).is_none(),
            "expect" => self.expect.replace(expect(value)?).is_none(),
            "on_restart" => self.on_restart.replace(on_restart(value)?).is_none(),
            "safe_value" => self.safe_value.replace(number(value)?).is_none(),
            "packets" => {
                name(value)?;
                self.packets.replace(value).is_none()
            }
            _ => return Err(key.refuse(Reason::UnknownKey)),
        };
        if is_new { Ok(()) } else { Err(key.refuse(Reason::DuplicateKey)) }
    }

    fn finish(self, line: Span<'a>) -> Result<Entry<'a>, ManifestError> {
        let lacking = |key| line.refuse(Reason::MissingKey(key));
        let plain =
            Entry::new(self.object.ok_or(lacking("object"))?, self.program.ok_or(lacking("program"))?);
        let trigger = self.trigger.unwrap_or(plain.trigger);
        if let (Some(packets), false) = (self.packets, trigger == Trigger::Xdp) {
            return Err(packets.refuse(Reason::PacketsWithoutXdp));
        }
        Ok(Entry {
            trigger,
            priority: self.priority.unwrap_or(plain.priority),
            deadline_ns: self.deadline_ns,
            criticality: self.criticality.unwrap_or(plain.criticality),
            expect: self.expect.unwrap_or(plain.expect),
            on_restart: self.on_restart.unwrap_or(plain.on_restart),
            safe_value: self.safe_value,
            packets: self.packets.map(|packets| packets.text),
            ..plain
        })
    }
}

fn name(value: Span<'_>) -> Result<&str, ManifestError> {
    if is_name(value.text) { Ok(value.text) } else { Err(value.refuse(Reason::BadName)) }
}

fn number(value: Span<'_>) -> Result<u64, ManifestError> {
    // `u64::from_str` would take a leading plus sign too.
    let is_decimal = value.text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = value.text.parse().ok().filter(|_| is_decimal);
    parsed.ok_or(value.refuse(Reason::BadNumber))
}

fn time_ns(value: Span<'_>) -> Result<u64, ManifestError> {
    match number(value)? {
        0 => Err(value.refuse(Reason::ZeroTime)),
        time_ns => Ok(time_ns),
    }
}

fn trigger(value: Span<'_>) -> Result<Trigger, ManifestError> {
    if let Some(period) = value.strip_prefix("every:") {
        return Ok(Trigger::Every { period_ns: time_ns(period)? });
    }
    match value.text {
        "once" => Ok(Trigger::Once),
        "xdp" => Ok(Trigger::Xdp),
        _ => Err(value.refuse(Reason::BadValue("once, every:<nanoseconds> or xdp"))),
    }
}

fn priority(value: Span<'_>) -> Result<Priority, ManifestError> {
    match value.text {
        "low" => Ok(Priority::Low),
        "normal" => Ok(Priority::Normal),
        "high" => Ok(Priority::High),
        "critical" => Ok(Priority::Critical),
        _ => Err(value.refuse(Reason::BadValue("critical, high, normal or low"))),
    }
}

fn criticality(value: Span<'_>) -> Result<Criticality, ManifestError> {
    match value.text {
        "low" => Ok(Criticality::Low),
        "high" => Ok(Criticality::High),
        _ => Err(value.refuse(Reason::BadValue("high or low"))),
    }
}

fn expect(value: Span<'_>) -> Result<Expect, ManifestError> {
    match value.text {
        "rejected" => Ok(Expect::Rejected),
        _ => number(value).map(Expect::R0),
    }
}

fn on_restart(value: Span<'_>) -> Result<OnRestart, ManifestError> {
    match value.text {
        "keep" => Ok(OnRestart::Keep),
        "clear" => Ok(OnRestart::Clear),
        _ => Err(value.refuse(Reason::BadValue("keep or clear"))),
    }
}
