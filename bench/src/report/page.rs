//! docs/performance.md and docs/scaling.md. The bench writes the text between marks, and people write the rest.

use std::path::Path;

use anyhow::{Context, Result};

/// Replaces sections of a page in docs.
pub(crate) fn write_page(path: &Path, sections: &[(&str, String)]) -> Result<()> {
    let page = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    std::fs::write(path, render_page(&page, sections)?).with_context(|| format!("can't write {}", path.display()))
}

/// Replaces the text between the marks of each section: `<!-- bench: NAME -->` and `<!-- bench: end -->`.
pub(crate) fn render_page(page: &str, sections: &[(&str, String)]) -> Result<String> {
    let mut page = page.to_owned();
    for (name, text) in sections {
        let mark = format!("<!-- bench: {name} -->\n");
        let (before, rest) = page.split_once(&mark).with_context(|| format!("the page has no {}", mark.trim()))?;
        let (_, after) = rest.split_once(END).with_context(|| format!("{} has no end", mark.trim()))?;
        page = format!("{before}{mark}\n{text}\n{END}{after}");
    }
    Ok(page)
}

const END: &str = "<!-- bench: end -->";

#[cfg(test)]
mod tests {
    use super::super::{read, sections};
    use super::*;

    const PAGE: &str = "Mine.\n<!-- bench: one -->\nold\n<!-- bench: end -->\nMine, too.\n<!-- bench: two --\n";

    #[test]
    fn section_replaces_only_the_text_between_marks() {
        let page = render_page(PAGE, &[("one", "new\n".to_owned())]).unwrap();
        assert_eq!(page, PAGE.replace("old\n", "\nnew\n\n"));
        assert_eq!(render_page(&page, &[("one", "new\n".to_owned())]).unwrap(), page, "repeating it changes nothing");
    }

    #[test]
    fn missing_marks_are_named() {
        let error = render_page("Nothing.", &[("one", String::new())]).unwrap_err();
        assert_eq!(error.to_string(), "the page has no <!-- bench: one -->");
    }

    #[test]
    fn page_matches_its_figures() {
        let docs = boxoffice_local::checkout::root().unwrap().join("docs");
        let page = std::fs::read_to_string(docs.join("performance.md")).unwrap();
        let results = read(&docs.join("performance")).unwrap();
        let rendered = render_page(&page, &sections(&results).unwrap()).unwrap();
        assert!(page == rendered, "docs/performance.md differs from its figures: `make bench-render`");
    }
}
