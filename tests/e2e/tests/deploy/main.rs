//! What `examples/gateway/deploy` holds, against the real binary: the numbers of the manifests fit together, their
//! probes and their stop find the gateway as they expect it, and the image runs.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

mod image;
mod manifests;
mod numbers;
#[path = "../../../../examples/gateway/tests/gateway/support/process.rs"]
mod process;
#[path = "../../support/program.rs"]
mod program;
mod stop;
mod web;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        trial("the_numbers_of_the_manifests_fit_together", numbers::fit),
        trial("the_image_is_what_the_pod_expects", numbers::image),
        trial(
            "probes_and_stop_of_the_manifests",
            stop::as_the_manifests_do,
        ),
    ];
    let name = "the_image_is_built_and_runs";
    trials.push(match image::Tools::find() {
        _ if arguments.list => trial(name, || ()),
        Ok(tools) => trial(name, move || tools.build_and_run()),
        // They need rights that not every machine gives, so that they are not asked of CI.
        Err(why) => trial(&format!("{name} ({why})"), || ()).with_ignored_flag(true),
    });
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, test: impl FnOnce() + Send + std::panic::UnwindSafe + 'static) -> Trial {
    Trial::test(name, move || {
        catch_unwind(test).map_err(|_| Failed::from("see above"))
    })
}

/// `examples/gateway/deploy`.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gateway/deploy")
}
