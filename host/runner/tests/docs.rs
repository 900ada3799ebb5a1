//! Docs that lie are defects: every whole configuration in them must load.

use std::fs;
use std::path::Path;

use hookward_runner::config::Config;

/// The TOML blocks of a page that are whole files.
fn configurations(page: &str) -> Vec<String> {
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("version = 1")).map(str::to_owned).collect()
}

#[test]
fn every_configuration_in_the_docs_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for page in docs.chain([root.join("README.md")]).filter(|path| path.extension().is_some_and(|end| end == "md")) {
        for text in configurations(&fs::read_to_string(&page).unwrap()) {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("hookward.toml");
            fs::write(&file, text).unwrap();
            Config::load(&file).unwrap_or_else(|error| panic!("{}:\n{error}", page.display()));
            seen += 1;
        }
    }
    assert!(seen >= 2, "the README and the page on the configuration have one each, found {seen}");
}

#[test]
fn the_page_on_the_configuration_names_every_limit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let page = fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let schema = hookward_runner::config::json_schema().to_string();
    for key in [
        "timeout",
        "fuel",
        "memory",
        "table-elements",
        "instances",
        "handles",
        "output",
        "log-lines",
        "error-length",
        "transfer",
        "commands",
        "component-size",
        "compile-time",
    ] {
        assert!(schema.contains(&format!("\"{key}\"")), "{key} is not in the schema");
        assert!(page.contains(key), "{key} is not in the docs");
    }
}
