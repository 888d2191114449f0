//! The whole life of an image after its board is up: read the initrd, load, run, sum up.

use kernel_bpf::RunSpace;
use kernel_bpf::maps::{Map, MapDef};
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::targets::Targets;
use kernel_report::Record;

use crate::initrd;
use crate::loading::{Demand, Loader, MAX_MAPS, MAX_PROGRAMS, MapTables};
use crate::manifest::{self, Manifest};
use crate::narration::{Narrator, Pace};
use crate::platform::{Outcome, Platform};
use crate::running::Runner;
use crate::services::Random;
use crate::signature::{self, Origin};
use crate::trust::Trust;

/// Most files of one initrd.
const MAX_FILES: usize = 64;

/// A file of the initrd. An object's bytes are taken out when it is linked in place.
struct File {
    name: &'static str,
    bytes: &'static mut [u8],
}

type Files = [Option<File>; MAX_FILES];
type Memory = <ActiveProfile as PhysicalProfile>::MemoryStrategy;

/// Boots: loads every program of `initrd`, verifying in `workspace`, and runs what was accepted. Everything
/// that happens is reported through `platform`; nothing in the initrd can end it early. Nothing of it is read
/// before `trust` has let it in.
pub fn boot<P: Platform>(
    platform: &P,
    initrd: &'static mut [u8],
    trust: &Trust,
    workspace: &'static mut [u64],
) -> Outcome {
    let mut narrator = Narrator::new(platform);
    announce(&mut narrator, initrd.len());
    let mut files = read_files(admit(initrd, trust, &mut narrator), &mut narrator);
    let manifest = read_manifest(&mut files, &mut narrator);
    let manifest = newer_than(trust.oldest(), manifest, &mut files, &mut narrator);
    let mut defs = [MapDef::VACANT; MAX_MAPS];
    let mut maps = [const { Map::<Memory>::vacant() }; MAX_MAPS];
    let vacant = Map::<Memory>::vacant();
    let mut references = [&vacant; MAX_MAPS];
    let pinned = [None; MAX_MAPS];
    let targets = Targets::new();
    let demand = Demand::NONE;
    let tables = MapTables { defs: &mut defs, maps: &mut maps, references: &mut references, pinned, demand };
    let programs = [const { None }; MAX_PROGRAMS];
    let met = [false; manifest::MAX_PROGRAMS];
    let code_memory = platform.code_memory();
    let mut loader = Loader::<ActiveProfile> {
        tables,
        targets: &targets,
        workspace,
        programs,
        count: 0,
        code_memory,
        manifest,
        met,
    };
    let is_object = |file: &&mut Option<File>| file.as_ref().is_some_and(|file| file.name.ends_with(".o"));
    let mut objects = files.iter_mut().filter(is_object).filter_map(Option::take).peekable();
    if objects.peek().is_none() && !narrator.has_failed() {
        narrator.refuse("initrd", 0, format_args!("no file in it ends in `.o`: there is nothing to run"));
    }
    for File { name, bytes } in objects {
        loader.load(name, bytes, &mut narrator);
    }
    run(&loader, &files, &mut narrator);
    check_manifest(&loader, &mut narrator);
    narrator.summary(ActiveProfile::memory_use())
}

fn announce<P: Platform>(narrator: &mut Narrator<'_, P>, initrd: usize) {
    let (board, profile, version) = (P::BOARD, ActiveProfile::NAME, env!("CARGO_PKG_VERSION"));
    narrator.say(
        Pace::MayWait,
        format_args!("skep {version}: {board}, {profile} profile, initrd of {initrd} bytes"),
    );
    let ns = narrator.platform.now();
    narrator.record(Pace::MayWait, &Record::Boot { board, profile, version, ns });
}

/// The archive, if whoever made it is believed; else nothing.
fn admit<P: Platform>(
    initrd: &'static mut [u8],
    trust: &Trust,
    narrator: &mut Narrator<'_, P>,
) -> &'static mut [u8] {
    if initrd.is_empty() {
        let reason = format_args!("there is none: give the image an archive made by `skep pack`");
        narrator.refuse("initrd", 0, reason);
        return &mut [];
    }
    match signature::admit(initrd, trust) {
        Ok(admitted) => {
            match admitted.origin() {
                Origin::Unasked => {}
                Origin::Unchecked(key) => narrator.say(
                    Pace::MayWait,
                    format_args!("signature: by key {key}, not checked: this image trusts no key"),
                ),
                Origin::Signed(key) => {
                    narrator.say(Pace::MayWait, format_args!("signature: by key {key}, genuine"));
                }
            }
            admitted.into_archive()
        }
        Err(refusal) => {
            narrator.refuse("initrd", 0, format_args!("{refusal}"));
            &mut []
        }
    }
}

fn read_files<P: Platform>(initrd: &'static mut [u8], narrator: &mut Narrator<'_, P>) -> Files {
    let mut files: Files = [const { None }; MAX_FILES];
    let mut count = 0;
    if initrd.is_empty() {
        return files;
    }
    for entry in initrd::entries(initrd) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                narrator.refuse("initrd", error.offset, format_args!("{}", error.cause));
                break;
            }
        };
        if !manifest::is_name(entry.name) {
            narrator.refuse("initrd", entry.offset, format_args!("{}", manifest::Reason::BadName));
            continue;
        }
        if files.iter().flatten().any(|file| file.name == entry.name) {
            narrator.refuse(entry.name, entry.offset, format_args!("a file of this name was read before"));
            continue;
        }
        let Some(place) = files.get_mut(count) else {
            narrator.refuse("initrd", entry.offset, format_args!("more than {MAX_FILES} files"));
            break;
        };
        *place = Some(File { name: entry.name, bytes: entry.bytes });
        count += 1;
    }
    files
}

fn read_manifest<P: Platform>(
    files: &mut Files,
    narrator: &mut Narrator<'_, P>,
) -> Option<Manifest<'static>> {
    let found =
        files.iter_mut().find(|file| file.as_ref().is_some_and(|file| file.name == manifest::FILE_NAME))?;
    let File { name, bytes } = found.take()?;
    match Manifest::parse(bytes) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            narrator.refuse(name, error.offset as u64, format_args!("{}", error.reason));
            None
        }
    }
}

/// The manifest, unless this initrd is older than what is taken; then there is neither manifest nor file.
fn newer_than<P: Platform>(
    oldest: u64,
    manifest: Option<Manifest<'static>>,
    files: &mut Files,
    narrator: &mut Narrator<'_, P>,
) -> Option<Manifest<'static>> {
    let sequence = manifest.map_or(0, |manifest| manifest.sequence());
    if sequence >= oldest {
        return manifest;
    }
    files.fill_with(|| None);
    let reason =
        format_args!("sequence number {sequence}, and this image takes none below {oldest}: it is too old");
    narrator.refuse("initrd", 0, reason);
    None
}

fn run<P: Platform>(loader: &Loader<'_, ActiveProfile>, files: &Files, narrator: &mut Narrator<'_, P>) {
    let programs = &loader.programs[..loader.count];
    let Some(frames) = programs.iter().flatten().map(|program| program.executable.frames()).max() else {
        return;
    };
    let space = match RunSpace::new(frames) {
        Ok(space) => space,
        Err(_) => {
            let demand = loader.tables.demand.and(RunSpace::<ActiveProfile>::bytes(frames) as u64);
            let shortage = demand.shortage::<Memory>();
            narrator.refuse("initrd", 0, format_args!("nothing runs: {shortage}"));
            return;
        }
    };
    let run_for = loader.manifest.map_or(manifest::DEFAULT_RUN_FOR_NS, |manifest| manifest.run_for_ns());
    let end = narrator.platform.now().saturating_add(run_for);
    let find = |name: &str| files.iter().flatten().find(|file| file.name == name).map(|file| &*file.bytes);
    let random = Random::seeded(narrator.platform.seed());
    Runner { programs, space, narrator, random, files: &find, end }.run();
}

/// What the manifest names and the initrd does not have.
fn check_manifest<P: Platform>(loader: &Loader<'_, ActiveProfile>, narrator: &mut Narrator<'_, P>) {
    let named = loader.manifest.iter().flat_map(|manifest| manifest.entries());
    for (entry, _) in named.zip(loader.met).filter(|(_, met)| !met) {
        let (object, program) = (entry.object, entry.program);
        narrator.refuse(
            manifest::FILE_NAME,
            0,
            format_args!("it names `{program}` in `{object}`, which is not there"),
        );
    }
}
