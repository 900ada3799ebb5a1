//! The `hookward` command.

mod args;
mod environment;
mod explain;
mod generate;
mod hook;
mod init;
mod lock;
mod output;
mod recover;
mod registry;
mod run;
mod runs;
mod session;
mod shim;
mod show;
mod systemd;
mod validate;
mod vendor;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory as _;
use hookward_runner::exit;

use crate::args::{COMPILE, Cli, Command, Hook, Late, SUPERVISE};
use crate::session::{Problem, Session};

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match args.as_slice() {
        // Before the name: a copy named `restic` has children of that name.
        [_, command, seconds] if command == COMPILE => return compile(&seconds.to_string_lossy()),
        [_, command, rest @ ..] if command == SUPERVISE => return supervise(rest.to_vec()),
        [name, rest @ ..] if shim::is_name(name) => return shim::main(rest.to_vec()),
        [_] | [] => {
            output::say_aside(Cli::command().render_help().ansi());
            return ExitCode::from(2);
        }
        _ => {}
    }
    let cli = match args::parse(args) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let session = Session::new(cli.global);
    finish(&session, dispatch(&session, cli.command))
}

fn dispatch(session: &Session, command: Command) -> anyhow::Result<i32> {
    match command {
        Command::Run(Late(run)) => run::profiles(session, &run::What::of(run.restic), run.target),
        Command::Operation(operation) => {
            let (name, on) = operation.parts();
            run::profiles(session, &run::What::Operation { name, extra: on.restic }, on.target)
        }
        Command::Exec(exec) => run::exec(session, exec),
        Command::Runs(runs) => runs::runs(session, &runs),
        Command::Recover(recover) => recover::recover(session, &recover),
        Command::Systemd(systemd) => systemd::systemd(session, &systemd),
        Command::Init(init) => init::init(session, &init),
        Command::Validate => validate::validate(session),
        Command::Explain(Late(explain)) => explain::explain(session, explain),
        Command::Hook(Hook::New(new)) => hook::new(session, new),
        Command::Hook(Hook::Build(build)) => hook::build(session, build),
        Command::Hook(Hook::Inspect(inspect)) => hook::inspect(session, &inspect),
        Command::Hook(Hook::Call(call)) => hook::call(session, &call.0),
        Command::Hook(Hook::Replay(replay)) => hook::replay(session, &replay),
        Command::Hook(Hook::Test(test)) => hook::test(session, &test),
        Command::Lock(lock) => lock::lock(session, &lock),
        Command::Vendor(vendor) => vendor::vendor(session, &vendor),
        Command::Push(push) | Command::Hook(Hook::Push(push)) => registry::push(session, &push),
        Command::Pull(pull) | Command::Hook(Hook::Pull(pull)) => registry::pull(session, &pull),
        Command::Hook(Hook::Sign(sign)) => registry::sign(session, &sign),
        Command::Hook(Hook::Verify(verify)) => registry::verify(session, &verify),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { dir } => generate::man(dir.as_deref()),
        Command::Schema => generate::schema(),
    }
}

/// Turns a result into the process's end. What could not be done is said on stderr,
/// and in the report if one was asked for.
pub(crate) fn finish(session: &Session, result: anyhow::Result<i32>) -> ExitCode {
    let code = result.unwrap_or_else(|error| {
        let code = error.downcast_ref::<Problem>().map_or(1, Problem::exit_code);
        session.complain(&error, code);
        code
    });
    drop(std::io::stdout().flush());
    // A code that doesn't fit a byte can only be a failure.
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// A compiler child: see `hookward_engine::Compiler::Child`.
fn compile(seconds: &str) -> ExitCode {
    let Ok(seconds) = seconds.parse() else { return ExitCode::from(2) };
    let cpu_time = Duration::from_secs(seconds);
    match hookward_engine::compile_child(std::io::stdin().lock(), std::io::stdout().lock(), cpu_time) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            drop(writeln!(std::io::stderr(), "{failure}"));
            ExitCode::from(u8::try_from(exit::NOT_STARTED).unwrap_or(1))
        }
    }
}

/// A supervisor of a command: see `hookward_engine::Supervisor`. Whoever started it
/// hears of a failure by its end, and has nobody on stderr but the command.
fn supervise(args: Vec<OsString>) -> ExitCode {
    match hookward_engine::supervise_child(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(u8::try_from(exit::NOT_STARTED).unwrap_or(1)),
    }
}
