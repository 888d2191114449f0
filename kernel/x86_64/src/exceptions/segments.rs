//! The segments long mode still asks for. Unsafe because reloading them changes how the processor runs.

use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

use crate::stacks::interrupt_stack_tops;

static TASK_STATE: Once<TaskStateSegment> = Once::new();
static DESCRIPTORS: Once<(GlobalDescriptorTable, SegmentSelector, SegmentSelector)> = Once::new();

/// Loads the kernel's segments and the interrupt stack table, and returns the code segment.
pub(super) fn load() -> SegmentSelector {
    let task_state = TASK_STATE.call_once(|| {
        let tops = interrupt_stack_tops();
        let top = |index: usize| VirtAddr::new(tops.get(index).copied().unwrap_or_default());
        let mut task_state = TaskStateSegment::new();
        task_state.interrupt_stack_table = core::array::from_fn(top);
        task_state
    });
    let (table, code, task) = DESCRIPTORS.call_once(|| {
        let mut table = GlobalDescriptorTable::new();
        let code = table.append(Descriptor::kernel_code_segment());
        let task = table.append(Descriptor::tss_segment(task_state));
        (table, code, task)
    });
    table.load();
    // SAFETY: the table is a static and holds a 64-bit code segment and an available task state segment at
    // these selectors; ring 0 runs with null data segments (Intel SDM vol. 3, section 6.7).
    unsafe {
        CS::set_reg(*code);
        DS::set_reg(SegmentSelector::NULL);
        ES::set_reg(SegmentSelector::NULL);
        SS::set_reg(SegmentSelector::NULL);
        load_tss(*task);
    }
    *code
}
