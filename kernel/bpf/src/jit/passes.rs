//! The switches of the optimisations.

/// What a processor offers beyond the first x86-64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// `SHLX`, `SHRX`, `SARX`, `RORX` (CPUID leaf 7, EBX bit 8).
    pub bmi2: bool,
    /// `MOVBE` (CPUID leaf 1, ECX bit 22).
    pub movbe: bool,
}

/// A set of optimisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes(u32);

impl Passes {
    /// Every one.
    pub const ALL: Self = Self(u32::MAX);
    /// None: one instruction after the other.
    pub const NONE: Self = Self(0);
    /// Results are computed when something needs them, and copies of registers are not made.
    pub const COPIES: Self = Self(1);
    /// Sums become addresses of loads and stores.
    pub const ADDRESSING: Self = Self(1 << 1);
    /// Sums are put off, and made by LEA where that saves a copy.
    pub const LEA: Self = Self(1 << 2);
    /// Two shifts and an OR become a rotation.
    pub const ROTATE: Self = Self(1 << 3);
    /// What is zero-extended already is not extended again.
    pub const ZERO_EXTENSION: Self = Self(1 << 4);
    /// Operations and comparisons take operands in memory.
    pub const MEMORY_OPERANDS: Self = Self(1 << 5);
    /// A branch over one move becomes a conditional move.
    pub const CONDITIONAL_MOVES: Self = Self(1 << 6);
    /// A branch over a jump becomes one inverted branch.
    pub const INVERSION: Self = Self(1 << 7);
    /// Loads swap bytes (MOVBE).
    pub const MOVBE: Self = Self(1 << 8);
    /// Shifts and rotations with three operands (BMI2).
    pub const BMI2: Self = Self(1 << 9);
    /// Division by a constant becomes a multiplication.
    pub const DIVISION: Self = Self(1 << 10);
    /// Lookups in arrays are done in place.
    pub const ARRAY_LOOKUP: Self = Self(1 << 11);
    /// Loop heads stand at multiples of 16 bytes where few bytes bring them there.
    pub const ALIGN: Self = Self(1 << 12);
    /// Stack slots whose address nobody takes live in registers.
    pub const SLOTS: Self = Self(1 << 13);
    /// Functions that call nothing keep r6 to r9 where nobody must save them.
    pub const REGISTERS: Self = Self(1 << 14);

    /// Their names, for `skep bench --without NAME`.
    pub const NAMES: [(&'static str, Self); 15] = [
        ("copies", Self::COPIES),
        ("addressing", Self::ADDRESSING),
        ("lea", Self::LEA),
        ("rotate", Self::ROTATE),
        ("zero-extension", Self::ZERO_EXTENSION),
        ("memory-operands", Self::MEMORY_OPERANDS),
        ("conditional-moves", Self::CONDITIONAL_MOVES),
        ("inversion", Self::INVERSION),
        ("movbe", Self::MOVBE),
        ("bmi2", Self::BMI2),
        ("division", Self::DIVISION),
        ("array-lookup", Self::ARRAY_LOOKUP),
        ("align", Self::ALIGN),
        ("slots", Self::SLOTS),
        ("registers", Self::REGISTERS),
    ];

    /// Whether all of `other` are in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// It without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// It with `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The pass of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, pass)| *pass)
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self::ALL
    }
}
