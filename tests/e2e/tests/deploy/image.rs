//! The image: built of a static binary of this tree by podman, and run without any right.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::folder;
use crate::web::{free_port, get, upstream};

const IMAGE: &str = "localhost/same-origin-gateway:e2e";
const TARGET: &str = "x86_64-unknown-linux-musl";

/// Podman, with what it needs here to run anything.
pub struct Tools {
    podman: Vec<&'static str>,
    limits: Vec<&'static str>,
}

impl Tools {
    /// Tries an image that holds nothing; says why it cannot be tried.
    pub fn find() -> Result<Self, String> {
        let installed = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !installed("podman") {
            return Err("podman is not installed".to_owned());
        }
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]));
        if !Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(TARGET)
            .is_dir()
        {
            return Err(format!("rustup target add {TARGET} was not run"));
        }
        if !installed("musl-gcc") {
            return Err("musl-tools is not installed".to_owned());
        }
        // Within a container cgroups or limits may be out of reach.
        let plain = (vec!["podman"], Vec::new());
        let nested = (
            vec![
                "podman",
                "--runtime",
                "runc",
                "--cgroup-manager",
                "cgroupfs",
            ],
            vec![
                "--ulimit",
                "nofile=4096:4096",
                "--ulimit",
                "nproc=4096:4096",
            ],
        );
        let ways = [plain, nested].map(|(podman, limits)| Self { podman, limits });
        let runs = |tools: &Self| tools.runs_at_all();
        let way = ways.into_iter().find(runs);
        way.ok_or_else(|| "podman cannot run a container here".to_owned())
    }

    fn podman(&self, args: &[&str]) -> Output {
        let (program, before) = self.podman.split_first().expect("a program");
        let command = &mut Command::new(program);
        command
            .args(before)
            .args(args)
            .output()
            .expect("podman starts")
    }

    /// `cat /proc/version` would need a `cat`: a container of the root of this machine has one.
    fn runs_at_all(&self) -> bool {
        let mut args = vec!["run", "--rm", "--network", "host"];
        args.extend(&self.limits);
        args.extend(["--rootfs", "/:O", "/bin/true"]);
        self.podman(&args).status.success()
    }

    pub fn build_and_run(&self) {
        let stage = stage();
        let root = folder().join("../../..");
        let context = format!("build={}", stage.path().display());
        let file = folder().join("Containerfile");
        let (file, root) = (file.to_str().unwrap(), root.to_str().unwrap());
        // The stage that needs a registry is replaced by what it would have built.
        let built = self.podman(&[
            "build",
            "--build-context",
            &context,
            "-f",
            file,
            "-t",
            IMAGE,
            root,
        ]);
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );

        let (http, admin) = (free_port(), free_port());
        let upstream = upstream(Duration::ZERO);
        let config = format!(
            "listen = '127.0.0.1:{http}'\n[admin]\nlisten = '127.0.0.1:{admin}'\n\
             [[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gateway.toml"), config).unwrap();
        let mount = format!("{}:/etc/same-origin:ro", folder.path().display());
        let name = format!("same-origin-e2e-{}", std::process::id());
        let mut args = vec![
            "run",
            "--detach",
            "--rm",
            "--name",
            &name,
            "--network",
            "host",
        ];
        args.extend([
            "--read-only",
            "--cap-drop",
            "all",
            "--security-opt",
            "no-new-privileges",
        ]);
        args.extend(&self.limits);
        args.extend(["-v", &mount, IMAGE]);
        let started = self.podman(&args);
        assert!(
            started.status.success(),
            "{}",
            String::from_utf8_lossy(&started.stderr)
        );
        let [http, admin] = [http, admin].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let until = Instant::now() + Duration::from_secs(20);
        while get(admin, "/readyz") != Some(200) {
            assert!(
                Instant::now() < until,
                "not ready: {:?}",
                self.podman(&["logs", &name])
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(get(http, "/"), Some(200));
        // By STOPSIGNAL; it kills after these seconds, and says 137 then.
        let stopped = self.podman(&["stop", "--time", "20", &name]);
        assert!(
            stopped.status.success(),
            "{}",
            String::from_utf8_lossy(&stopped.stderr)
        );
        assert_eq!(get(http, "/"), None);
    }
}

/// The files that the first stage of the Containerfile leaves under `/image`.
fn stage() -> tempfile::TempDir {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image");
    let build = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--locked",
            "-p",
            "same-origin-gateway",
            "--target",
            TARGET,
        ])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status();
    assert!(build.unwrap().success(), "the static binary is not built");
    let binary: PathBuf = target.join(TARGET).join("debug/same-origin-gateway");
    let stage = tempfile::tempdir().unwrap();
    let image = stage.path().join("image");
    std::fs::create_dir_all(image.join("etc/ssl/certs")).unwrap();
    std::fs::copy(binary, image.join("same-origin-gateway")).unwrap();
    let roots = "etc/ssl/certs/ca-certificates.crt";
    std::fs::copy(Path::new("/").join(roots), image.join(roots)).unwrap();
    stage
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
