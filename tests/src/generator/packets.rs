//! Packets: loading their bounds, comparing, and using what was compared.

use kernel_bpf::context::ProgramKind;
use kernel_bpf::insn::{AluOp, Condition, Insn, Operand, Size, Width};

use super::{Generator, Kind};
use crate::assembler::{Label, add, alu64, copy, load, r};

impl Generator {
    /// Loads the packet's bounds, compares them, and uses the packet where it is long enough.
    pub(super) fn packet(&mut self) {
        let Some(context) = self.holding(|kind| kind == Kind::Context) else { return };
        let (start, end) = match self.kind {
            ProgramKind::Xdp => (0, 4),
            ProgramKind::SchedCls => (76, 80),
            _ => return,
        };
        let (data, data_end) = (self.free(), self.free());
        if data == data_end || data == context {
            return;
        }
        let start = if start == 0 && self.one_in(8) { 8 } else { start };
        self.push(load(Size::W, data, context, start));
        self.push(load(Size::W, data_end, context, end));
        self.know(data, Kind::Packet(0));
        self.know(data_end, Kind::PacketEnd);
        let locked = self.scope.locked;
        self.scope.locked |= 1 << data | 1 << data_end;
        if self.one_in(2) {
            self.skip_some(data);
        }
        for _ in 0..=self.random.below(2) {
            self.check_packet(data, data_end);
        }
        self.scope.locked = locked;
    }

    /// Moves a packet pointer by a number, as over a header of variable length.
    fn skip_some(&mut self, data: u8) {
        let limit = *self.random.pick(&[1, 3, 15, 60, 255, 0xffff]);
        let number = self.bounded(limit);
        self.push(alu64(AluOp::Add, data, Operand::Reg(r(number))));
    }

    fn check_packet(&mut self, data: u8, data_end: u8) {
        let (skip, len) = (self.code.label(), 1 + self.random.below(24) as u16);
        let twin = self.twin(data);
        let probe = self.free();
        if [data, data_end, twin].contains(&probe) {
            return;
        }
        self.push(copy(probe, data));
        self.push(add(probe, i32::from(len)));
        self.know(probe, Kind::Nothing);
        let before = self.scope.clone();
        let proven = self.compare_with_end(probe, data_end, len, skip);
        self.know(data, Kind::Packet(proven));
        self.know(twin, Kind::Packet(proven));
        if self.optimism > 0 && self.one_in(4) {
            self.skip_some(twin);
        }
        for _ in 0..self.random.below(5) {
            self.use_packet();
        }
        self.code.place(skip);
        self.meet(&before);
        if self.optimism > 0 {
            self.use_packet();
        }
    }

    /// A copy of the pointer, or the pointer itself; one that was moved since by mistake.
    fn twin(&mut self, data: u8) -> u8 {
        if !self.one_in(3) {
            return data;
        }
        let twin = self.copied(data);
        if self.optimism > 0 && self.one_in(3) && twin != data {
            self.skip_some(twin);
        }
        twin
    }

    /// Branches to `skip` where the packet ends before `probe`; returns how many bytes are there otherwise.
    fn compare_with_end(&mut self, probe: u8, end: u8, len: u16, skip: Label) -> u16 {
        let (probe, end, w) = (r(probe), r(end), Width::W64);
        let wrong = u16::from(self.errs());
        let strict = self.one_in(2);
        self.lengths.push(len.into());
        let (over, under, inside) = match strict {
            true => (Condition::Ge, Condition::Le, Condition::Lt),
            false => (Condition::Gt, Condition::Lt, Condition::Le),
        };
        match self.random.below(5) {
            _ if self.optimism > 0 && self.one_in(4) => {
                let condition = self.condition();
                let (dst, src) = if self.one_in(2) { (probe, end) } else { (end, probe) };
                self.code.branch(w, condition, dst, Operand::Reg(src), skip)
            }
            0 => self.code.branch(w, over, probe, Operand::Reg(end), skip),
            1 => self.code.branch(w, under, end, Operand::Reg(probe), skip),
            2 => {
                let stay = self.code.label();
                let inside = if strict { Condition::Gt } else { Condition::Ge };
                self.code.branch(w, inside, end, Operand::Reg(probe), stay);
                self.code.jump(skip).place(stay)
            }
            3 => {
                self.code.branch(w, Condition::Ne, end, Operand::Reg(probe), skip);
                return len + wrong;
            }
            _ => {
                let stay = self.code.label();
                self.code.branch(w, inside, probe, Operand::Reg(end), stay);
                self.code.jump(skip).place(stay)
            }
        };
        len + u16::from(strict) + wrong
    }

    fn use_packet(&mut self) {
        let Some(register) = self.holding(|kind| matches!(kind, Kind::Packet(1..))) else { return };
        let Kind::Packet(len) = self.kind_of(register) else { return };
        let mut size = self.size();
        if size.bytes() > usize::from(len) {
            size = Size::B;
        }
        let place = self.place(len, size.bytes() as u16);
        if self.one_in(3) {
            let value = self.operand();
            self.push(Insn::Store { base: r(register), offset: place, size, value });
        } else {
            let dst = self.free();
            self.push(load(size, dst, register, place));
            self.know(dst, Kind::NUMBER);
        }
    }
}
