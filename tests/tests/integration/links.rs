//! Links between the Markdown files of the repository: each leads to a file that exists, and to a heading in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A Markdown file, as far as links are concerned.
struct Page {
    /// The anchors of its headings.
    anchors: BTreeSet<String>,
    /// The targets of its links, without web addresses.
    links: Vec<String>,
}

impl Page {
    /// Reads a file, without its blocks of code.
    fn parse(text: &str) -> Self {
        let mut page = Self { anchors: BTreeSet::new(), links: Vec::new() };
        let mut is_code = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
            } else if !is_code {
                page.add(line);
            }
        }
        page
    }

    fn add(&mut self, line: &str) {
        if let Some(heading) = heading(line) {
            let anchor = anchor(heading);
            // A further heading with the same text gets a number.
            let numbered = (1..100).map(|number| format!("{anchor}-{number}"));
            let free = std::iter::once(anchor.clone()).chain(numbered).find(|name| !self.anchors.contains(name));
            self.anchors.extend(free);
        }
        self.links.extend(links(line));
    }
}

/// Returns the text of a heading.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    if (1..=6).contains(&level) { text.strip_prefix(' ') } else { None }
}

/// Returns the anchor that GitHub gives a heading: lower case, hyphens for blanks, no punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Returns the targets of a line's links and images, without web addresses. Code isn't read.
fn links(line: &str) -> Vec<String> {
    let text: String = line.split('`').step_by(2).collect();
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let images = text.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let targets = inline.chain(images).filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    targets.map(str::to_owned).collect()
}

/// Collects the Markdown files below a folder, without tools and build results.
fn markdown_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_skipped = name != ".github" && (name.starts_with('.') || name == "target" || name == "node_modules");
        if path.is_dir() && !is_skipped {
            markdown_below(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let root = boxoffice_local::checkout::root().unwrap().canonicalize().unwrap();
    let mut files = Vec::new();
    markdown_below(&root, &mut files);
    let parse = |file: PathBuf| {
        let page = Page::parse(&std::fs::read_to_string(&file).unwrap());
        (file, page)
    };
    let pages: BTreeMap<PathBuf, Page> = files.into_iter().map(parse).collect();
    let leads_somewhere = |file: &Path, link: &str| {
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { file.to_owned() } else { file.parent().unwrap().join(path) };
        let Ok(target) = target.canonicalize() else { return false };
        anchor.is_empty() || pages.get(&target).is_some_and(|page| page.anchors.contains(anchor))
    };
    let mut dead = Vec::new();
    let mut checked = 0;
    for (file, page) in &pages {
        checked += page.links.len();
        let of_page = page.links.iter().filter(|link| !leads_somewhere(file, link));
        dead.extend(of_page.map(|link| format!("{}: {link}", file.strip_prefix(&root).unwrap().display())));
    }
    assert_eq!(dead, Vec::<String>::new());
    assert!(checked >= 100, "{checked}");
}

#[test]
fn headings_get_the_anchors_of_github() {
    let page = Page::parse(
        "# A cache, or `none`?\n## `make run`: it's 2_nd\n```sh\n# no heading\n```\n## A cache, or none\n#x\n",
    );
    assert_eq!(
        page.anchors.into_iter().collect::<Vec<_>>(),
        ["a-cache-or-none", "a-cache-or-none-1", "make-run-its-2_nd"]
    );
}

#[test]
fn links_are_found_in_text_and_not_in_code() {
    let found = links("[a](b.md#c), [`d`](e.md), `[f](g.md)`, [h](https://i.example) <img src=\"j.svg\">");
    assert_eq!(found, ["b.md#c", "e.md", "j.svg"]);
}
