//! Instructions as text, the way llvm-objdump and the Linux verifier's log write them: `r1 += 8`, `if w0 s> 3 goto +2`.

use core::fmt;

use super::{
    AluOp, AtomicOp, ByteOrder, Condition, Extend, Fetch, Immediate, Insn, Operand, Reg, Size, Width,
};

/// A register as an operand of this width: `w` for the low half.
struct Sized(Reg, Width);

impl fmt::Display for Sized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.1 == Width::W32 { 'w' } else { 'r' };
        write!(f, "{name}{}", self.0.index())
    }
}

/// A second operand of this width.
struct Second(Operand, Width);

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Operand::Reg(register) => Sized(register, self.1).fmt(f),
            Operand::Imm(imm) => write!(f, "{imm}"),
        }
    }
}

/// `r1 + 4`
struct Address(Reg, i16);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.1 < 0 { '-' } else { '+' };
        write!(f, "{} {sign} {}", self.0, self.1.unsigned_abs())
    }
}

/// `*(u32 *)(r1 + 4)`
struct Place(Reg, i16, Size, Extend);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(base, offset, size, extend) = *self;
        let letter = if extend == Extend::Sign { 's' } else { 'u' };
        write!(f, "*({letter}{} *)({})", 8 * size.bytes(), Address(base, offset))
    }
}

impl fmt::Display for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Alu { width, op, dst, src } => {
                write!(f, "{} {} {}", Sized(dst, width), operator(op), Second(src, width))
            }
            Self::Neg { width, dst } => write!(f, "{0} = -{0}", Sized(dst, width)),
            Self::MovSx { width, dst, src, from } => {
                write!(f, "{} = (s{}){}", Sized(dst, width), 8 * from.bytes(), Sized(src, width))
            }
            Self::Swap { order, dst, size } => {
                let name = match order {
                    ByteOrder::ToLittle => "le",
                    ByteOrder::ToBig => "be",
                    ByteOrder::Swap => "bswap",
                };
                write!(f, "{dst} = {name}{} {dst}", 8 * size.bytes())
            }
            Self::LoadImm { dst, value } => fmt_immediate(f, dst, value),
            Self::Load { dst, base, offset, size, extend } => {
                write!(f, "{dst} = {}", Place(base, offset, size, extend))
            }
            Self::Store { base, offset, size, value } => {
                write!(f, "{} = {}", Place(base, offset, size, Extend::Zero), Second(value, Width::W64))
            }
            Self::Atomic { .. } => self.fmt_atomic(f),
            _ => self.fmt_jump(f),
        }
    }
}

fn fmt_immediate(f: &mut fmt::Formatter<'_>, dst: Reg, value: Immediate) -> fmt::Result {
    match value {
        Immediate::Value(value) => write!(f, "{dst} = {value:#x} ll"),
        Immediate::Map(map) => write!(f, "{dst} = map[{map}]"),
        Immediate::MapValue { map, offset } => write!(f, "{dst} = map[{map}][0]+{offset}"),
        Immediate::Function(distance) => write!(f, "{dst} = code[{distance:+}]"),
    }
}

impl Insn {
    fn fmt_atomic(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Atomic { op, fetch, base, src, offset, size } = *self else {
            return Ok(());
        };
        let width = if size == Size::W { Width::W32 } else { Width::W64 };
        let (place, src) = (Address(base, offset), Sized(src, width));
        let (kind, bits) = if size == Size::W { ("u32", "32_32") } else { ("u64", "_64") };
        let (name, sign) = match op {
            AtomicOp::Add => ("add", "+="),
            AtomicOp::Or => ("or", "|="),
            AtomicOp::And => ("and", "&="),
            AtomicOp::Xor => ("xor", "^="),
            AtomicOp::Xchg => return write!(f, "{src} = xchg{bits}({place}, {src})"),
            AtomicOp::CmpXchg => {
                let old = Sized(Reg::R0, width);
                return write!(f, "{old} = cmpxchg{bits}({place}, {old}, {src})");
            }
        };
        match fetch {
            Fetch::No => write!(f, "lock *({kind} *)({place}) {sign} {src}"),
            Fetch::Yes => write!(f, "{src} = atomic_fetch_{name}(({kind} *)({place}), {src})"),
        }
    }

    fn fmt_jump(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Jump { offset } => write!(f, "goto {offset:+}"),
            Self::Branch { width, condition, dst, src, offset } => {
                let (dst, src) = (Sized(dst, width), Second(src, width));
                write!(f, "if {dst} {} {src} goto {offset:+}", comparison(condition))
            }
            Self::CallHelper { id } => match crate::helpers::helper(id) {
                Some(helper) => write!(f, "call bpf_{}", helper.name),
                None => write!(f, "call {id}"),
            },
            Self::CallLocal { offset } => write!(f, "call pc{offset:+}"),
            Self::CallRegister { target } => write!(f, "callx {target}"),
            _ => f.write_str("exit"),
        }
    }
}

const fn operator(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div => "/=",
        AluOp::SDiv => "s/=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Mod => "%=",
        AluOp::SMod => "s%=",
        AluOp::Xor => "^=",
        AluOp::Mov => "=",
        AluOp::Arsh => "s>>=",
    }
}

const fn comparison(condition: Condition) -> &'static str {
    match condition {
        Condition::Eq => "==",
        Condition::Ne => "!=",
        Condition::Set => "&",
        Condition::Gt => ">",
        Condition::Ge => ">=",
        Condition::Lt => "<",
        Condition::Le => "<=",
        Condition::SGt => "s>",
        Condition::SGe => "s>=",
        Condition::SLt => "s<",
        Condition::SLe => "s<=",
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use crate::insn::decode;

    /// What llvm-objdump prints for these bytes, constants in decimal.
    #[test]
    fn instructions_read_as_llvm_objdump_prints_them() {
        for (bytes, text) in [
            ([0x07, 0x01, 0, 0, 8, 0, 0, 0], "r1 += 8"),
            ([0x66, 0x00, 2, 0, 3, 0, 0, 0], "if w0 s> 3 goto +2"),
            ([0x2d, 0x23, 0xfe, 0xff, 0, 0, 0, 0], "if r3 > r2 goto -2"),
            ([0x61, 0x12, 4, 0, 0, 0, 0, 0], "r2 = *(u32 *)(r1 + 4)"),
            ([0x7b, 0x4a, 0xf8, 0xff, 0, 0, 0, 0], "*(u64 *)(r10 - 8) = r4"),
            ([0x91, 0x21, 1, 0, 0, 0, 0, 0], "r1 = *(s8 *)(r2 + 1)"),
            ([0xb4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], "w0 = -1"),
            ([0xbf, 0x21, 8, 0, 0, 0, 0, 0], "r1 = (s8)r2"),
            ([0x87, 0x03, 0, 0, 0, 0, 0, 0], "r3 = -r3"),
            ([0xdc, 0x01, 0, 0, 16, 0, 0, 0], "r1 = be16 r1"),
            ([0xcf, 0x21, 0, 0, 0, 0, 0, 0], "r1 s>>= r2"),
            ([0xdb, 0x21, 0, 0, 0, 0, 0, 0], "lock *(u64 *)(r1 + 0) += r2"),
            ([0xc3, 0x21, 0, 0, 1, 0, 0, 0], "w2 = atomic_fetch_add((u32 *)(r1 + 0), w2)"),
            ([0xdb, 0x21, 0, 0, 0xf1, 0, 0, 0], "r0 = cmpxchg_64(r1 + 0, r0, r2)"),
            ([0x05, 0, 3, 0, 0, 0, 0, 0], "goto +3"),
            ([0x85, 0, 0, 0, 1, 0, 0, 0], "call bpf_map_lookup_elem"),
            ([0x85, 0x10, 0, 0, 5, 0, 0, 0], "call pc+5"),
            ([0x95, 0, 0, 0, 0, 0, 0, 0], "exit"),
        ] {
            assert_eq!(decode(&bytes, 0).map(|insn| insn.to_string()), Ok(text.to_string()));
        }
        let wide = [[0x18, 0x01, 0, 0, 0x10, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]];
        let insn = decode(wide.as_flattened(), 0).map(|insn| insn.to_string());
        assert_eq!(insn, Ok("r1 = 0x100000010 ll".to_string()));
    }
}
