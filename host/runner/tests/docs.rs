//! Docs that lie are defects: every whole configuration in them must load.
#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside of test functions")]

use std::fs;
use std::path::{Path, PathBuf};

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
        "http-requests",
        "http-body",
        "http-headers",
        "component-size",
        "compile-time",
    ] {
        assert!(schema.contains(&format!("\"{key}\"")), "{key} is not in the schema");
        assert!(page.contains(key), "{key} is not in the docs");
    }
}

/// All pages of the repository.
fn pages(root: &Path) -> Vec<PathBuf> {
    let found = ["*.md", "docs/*.md", "guest-sdk/*.md", "hooks-examples/*.md", "hooks-examples/*/*.md", "wit/*.md"]
        .iter()
        .flat_map(|pattern| glob::glob(root.join(pattern).to_str().unwrap()).unwrap());
    found.map(Result::unwrap).collect()
}

/// The anchors of a page's headings, as they are made on the pages of a repository.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    headings
        .map(|text| text.to_lowercase().chars().filter(|&c| kept(c)).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut broken = Vec::new();
    let mut seen = 0;
    for page in pages(root) {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let there = target.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap()).iter().any(|known| known == anchor));
            if !there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(seen > 20, "found only {seen} links");
    assert!(broken.is_empty(), "{broken:#?}");
}
