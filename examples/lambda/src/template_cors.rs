//! Which policies are the CORS blocks of this SAM or CloudFormation template?
//!
//! ```sh
//! cargo run -p lambda --bin template_cors -- template.yaml      # one policy a block, as JSON for `CORS`
//! ```

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let path = args.next().filter(|path| !path.starts_with('-'));
    let (Some(path), None) = (path, args.next()) else {
        eprintln!("one template is read at a time: template_cors TEMPLATE");
        return ExitCode::from(2);
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    let folder = Path::new(&path).parent().unwrap_or(Path::new(""));
    match lambda::template::read_in(&text, folder) {
        Ok(blocks) => {
            if blocks.is_empty() {
                eprintln!("{path} does not have a CORS block");
            }
            for block in blocks {
                let settings = serde_json::to_string(block.settings()).unwrap_or_default();
                println!("{} {settings}", block.path());
                for warning in block.policy().warnings() {
                    eprintln!("{}: {}: {warning}", block.path(), warning.key());
                }
            }
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::from(2)
        }
    }
}
