//! An engine runs jobs, and nothing else.

use kernel_bpf::helpers::Services;
use kernel_bpf::interpreter::Interpreter;
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::{BpfProgram, Engine, Job};

type Memory = <ActiveProfile as PhysicalProfile>::MemoryStrategy;

fn run(job: &Job<'_, Memory>, program: &BpfProgram<'_, ActiveProfile>, services: &mut dyn Services) {
    let _ = (Interpreter::execute::<Memory>(job, None, services), program);
    #[cfg(feature = "forbidden")]
    let _ = Interpreter::execute::<Memory>(program, None, services); // error: E0308
}

fn main() {
    let _ = run;
}
