//! Real peers and real faults: clients and servers that others wrote, on both sides of the gateway.
//!
//! Each test is a function `test_…` of a script in `tests/e2e/peers`. What the scripts need of PyPI and npm
//! is set up once below the target directory; without Python, Node, nginx, curl or h2load the tests are
//! ignored and say so, and with `CI=true` they fail.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

#[path = "../support/program.rs"]
mod program;

/// Programs of the system that the scripts start.
const PROGRAMS: &[&str] = &["python3", "node", "npm", "nginx", "curl", "h2load"];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They measure memory and load the machine, so one at a time.
    arguments.test_threads.get_or_insert(1);
    let setup = if arguments.list {
        Ok(None)
    } else {
        Setup::new().map(Some)
    };
    let must_run = std::env::var("CI").is_ok_and(|value| value == "true");
    let trials = tests()
        .into_iter()
        .map(|(script, name)| match &setup {
            Ok(setup) => {
                let setup = setup.clone();
                Trial::test(format!("{script}::{name}"), move || match &setup {
                    Some(setup) => setup.run(script, &name),
                    None => Ok(()),
                })
            }
            Err(missing) if must_run => {
                let missing = Failed::from(missing);
                Trial::test(format!("{script}::{name}"), move || Err(missing))
            }
            Err(missing) => {
                let named = Trial::test(format!("{script}::{name} ({missing})"), || Ok(()));
                named.with_ignored_flag(true)
            }
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The functions of the scripts, each with its script's name.
fn tests() -> Vec<(&'static str, String)> {
    const SCRIPTS: &[(&str, &str)] = &[
        ("attacks", include_str!("../peers/attacks.py")),
        ("attacks_kept", include_str!("../peers/attacks_kept.py")),
        ("attacks_places", include_str!("../peers/attacks_places.py")),
        ("bucket", include_str!("../peers/bucket.py")),
        ("connections", include_str!("../peers/connections.py")),
        ("cors_check", include_str!("../peers/cors_check.py")),
        ("curl", include_str!("../peers/curl.py")),
        ("grpc_calls", include_str!("../peers/grpc_calls.py")),
        (
            "hostile_clients",
            include_str!("../peers/hostile_clients.py"),
        ),
        ("restarts", include_str!("../peers/restarts.py")),
        ("servers", include_str!("../peers/servers.py")),
        ("signatures", include_str!("../peers/signatures.py")),
        ("soak", include_str!("../peers/soak.py")),
        ("websocket", include_str!("../peers/websocket.py")),
    ];
    let named = |(script, text): &(&'static str, &'static str)| {
        let script = *script;
        text.lines()
            .filter_map(|line| {
                line.strip_prefix("async ")
                    .unwrap_or(line)
                    .strip_prefix("def test_")
            })
            .filter_map(|rest| rest.split('(').next())
            .map(|name| (script, name.to_owned()))
            .collect::<Vec<_>>()
    };
    SCRIPTS.iter().flat_map(named).collect()
}

/// All that a script is started with.
#[derive(Clone)]
struct Setup {
    gateway: PathBuf,
    /// The examples of the library and of this package, in the profile of this test.
    examples: PathBuf,
    python: PathBuf,
    /// The folder `node_modules`.
    modules: PathBuf,
    certificates: PathBuf,
    scripts: PathBuf,
}

impl Setup {
    /// Installs what is missing, or says what cannot be had.
    fn new() -> Result<Self, String> {
        for program in PROGRAMS {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
            if !folders.any(|folder| folder.join(program).is_file()) {
                return Err(format!("{program} is not installed"));
            }
        }
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
        std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        Ok(Self {
            gateway: program::gateway(),
            examples: examples(),
            python: python(&home, &scripts)?,
            modules: modules(&home)?,
            certificates: certificates(&home).map_err(|error| error.to_string())?,
            scripts,
        })
    }

    fn run(&self, script: &str, name: &str) -> Result<(), Failed> {
        let mut child = Command::new(&self.python)
            .args(["run.py", script, name])
            .current_dir(&self.scripts)
            .env("GATEWAY", &self.gateway)
            .env("EXAMPLES", &self.examples)
            .env("S3RVER", self.modules.join("s3rver/bin/s3rver.js"))
            .env("NODE_PATH", &self.modules)
            .env("CERTS", &self.certificates)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // In a group of its own, which ends when this pipe does.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stderr = child.stderr.take();
        let said = std::thread::spawn(move || read(stderr));
        let printed = read(child.stdout.take());
        let status = wait(&mut child)?;
        let said = said.join().unwrap_or_default();
        if status {
            print!("{printed}");
            return Ok(());
        }
        Err(format!("{printed}{said}").into())
    }
}

fn read(pipe: Option<impl Read>) -> String {
    let mut text = String::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_string(&mut text);
    }
    text
}

fn wait(child: &mut Child) -> std::io::Result<bool> {
    Ok(child.wait()?.success())
}

/// The Python of a virtual environment that has what the scripts import.
fn python(home: &Path, scripts: &Path) -> Result<PathBuf, String> {
    let venv = home.join("venv");
    let python = venv.join("bin/python");
    let wanted = scripts.join("requirements.txt");
    let installed = venv.join("installed.txt");
    if std::fs::read(&installed).ok() == std::fs::read(&wanted).ok() {
        return Ok(python);
    }
    done(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    done(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "-r"])
            .arg(&wanted),
    )?;
    std::fs::copy(wanted, installed).map_err(|error| error.to_string())?;
    Ok(python)
}

/// The programs that the scripts start of npm.
const MODULES: [(&str, &str); 3] = [
    ("s3rver", "3.7.1"),
    ("express", "4.22.3"),
    ("cors", "2.8.6"),
];

/// The folder of modules, all of them installed.
fn modules(home: &Path) -> Result<PathBuf, String> {
    let prefix = home.join("node");
    let modules = prefix.join("node_modules");
    if !MODULES.iter().all(|(name, _)| modules.join(name).exists()) {
        let install = ["install", "--silent", "--no-audit", "--no-fund"];
        let wanted = MODULES.map(|(name, version)| format!("{name}@{version}"));
        let mut npm = Command::new("npm");
        done(npm.args(install).args(wanted).arg("--prefix").arg(prefix))?;
    }
    Ok(modules)
}

/// The tool `cors_check`, and tower-http's layer as a server for it.
fn examples() -> PathBuf {
    program::cargo::build(&["-p", "e2e", "--example", "tower_http_cors"]);
    // The packages and features of `cargo build --all-features`, which takes no time if that was done.
    let packages = ["-p", "same-origin", "-p", "same-origin-gateway"];
    let tool = [
        &packages[..],
        &["--all-features", "--example", "cors_check"],
    ]
    .concat();
    program::cargo::build(&tool).join("examples")
}

fn done(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// A folder with an authority and what it has issued: `ca.pem`, `server.pem` and `.key`, `client` alike.
fn certificates(home: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa,
        KeyPair,
    };
    let folder = home.join("certificates");
    std::fs::create_dir_all(&folder)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(folder.join("ca.pem"), authority.pem())?;
    for name in ["server", "client"] {
        let names = [
            "localhost",
            "127.0.0.1",
            "api.example.com",
            "bucket.example.com",
        ];
        let names = names.map(str::to_owned);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let issued = params.signed_by(&key, &authority)?;
        std::fs::write(folder.join(format!("{name}.pem")), issued.pem())?;
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
    }
    Ok(folder)
}
