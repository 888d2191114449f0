//! Interrupt gates (Intel SDM vol. 3, section 7.14.1).

/// A present ring-0 interrupt gate to `handler` in code segment `selector`. `stack` is the entry of the
/// interrupt stack table to switch to, counted from 1; 0 stays on the current stack.
pub(super) const fn interrupt_gate(handler: u64, selector: u16, stack: u8) -> u128 {
    const PRESENT_INTERRUPT_GATE: u128 = 0x8e;
    let handler = handler as u128;
    handler & 0xffff
        | (selector as u128) << 16
        | ((stack & 7) as u128) << 32
        | PRESENT_INTERRUPT_GATE << 40
        | (handler >> 16) << 48
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_where_the_manual_puts_it() {
        let gate = interrupt_gate(0x1122_3344_5566_7788, 0x0008, 3);
        assert_eq!(gate as u64, 0x5566_8e03_0008_7788);
        assert_eq!((gate >> 64) as u64, 0x0000_0000_1122_3344);
    }
}
