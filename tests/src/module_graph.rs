//! The imports between the files of a crate, read from their text.
//!
//! An import counts for the file that defines the imported item, also through a re-export. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::slice;

/// The names from the root of a crate to a module or an item.
type ItemPath = Vec<String>;

/// Modules with one file each, and their imports. The root is the module without a name.
#[derive(Debug)]
pub struct ModuleGraph {
    imports: BTreeMap<String, BTreeSet<String>>,
    /// The top-level module that each import is written with. A re-export counts for the module that passes the item on.
    layers: BTreeMap<String, BTreeSet<String>>,
}

impl ModuleGraph {
    /// Reads all files below the `src` folder of a crate.
    pub fn read(source: &Path) -> Self {
        let mut files = BTreeMap::new();
        read_below(source, &[], &mut files);
        Self::parse(files)
    }

    fn parse(files: BTreeMap<ItemPath, String>) -> Self {
        let source = Source::parse(files);
        let imports = source.modules.iter().map(|(module, text)| {
            let inline = text.inline_paths.iter();
            let paths = text.uses.iter().filter(|import| !import.is_public).map(|import| &import.path).chain(inline);
            let modules = paths.filter_map(|path| source.file_of(source.absolute(module, path)?));
            (module.join("::"), modules.filter(|imported| imported != module).map(|path| path.join("::")).collect())
        });
        let layers = source.modules.iter().map(|(module, text)| {
            let paths = text.uses.iter().map(|import| &import.path).chain(&text.inline_paths);
            let written = paths.filter_map(|path| source.absolute(module, path)?.into_iter().next());
            (module.join("::"), written.filter(|first| source.modules.contains_key(slice::from_ref(first))).collect())
        });
        Self { imports: imports.collect(), layers: layers.collect() }
    }

    /// Returns the top-level modules that each module imports from, as its imports are written.
    pub fn layers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.layers.iter().flat_map(|(module, layers)| layers.iter().map(|layer| (module.as_str(), layer.as_str())))
    }

    /// Returns the imports as pairs of the importing and the imported module.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str)> {
        self.imports.iter().flat_map(|(module, imported)| imported.iter().map(|one| (module.as_str(), one.as_str())))
    }

    /// Returns the groups of modules that import each other, directly or through others of the group.
    pub fn rings(&self) -> BTreeSet<BTreeSet<&str>> {
        let modules = self.imports.keys().map(String::as_str);
        let reachable: BTreeMap<_, _> = modules.map(|module| (module, self.reachable_from(module))).collect();
        let rings = reachable.iter().map(|(module, others)| {
            let ring = others.iter().filter(|other| reachable[*other].contains(module));
            ring.copied().collect::<BTreeSet<_>>()
        });
        rings.filter(|ring| ring.len() > 1).collect()
    }

    fn reachable_from(&self, module: &str) -> BTreeSet<&str> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![module]);
        while let Some(module) = next.pop() {
            for imported in &self.imports[module] {
                if reached.insert(imported.as_str()) {
                    next.push(imported);
                }
            }
        }
        reached
    }
}

/// The files of a crate.
struct Source {
    modules: BTreeMap<ItemPath, Module>,
    /// The definitions of re-exported names.
    reexports: BTreeMap<ItemPath, ItemPath>,
}

/// The relevant parts of a file.
struct Module {
    uses: Vec<Import>,
    /// Paths outside of `use` that begin with `crate`, `super` or `self`.
    inline_paths: Vec<ItemPath>,
}

/// One name of a `use` declaration.
#[derive(Debug, PartialEq)]
struct Import {
    is_public: bool,
    path: ItemPath,
    name: String,
}

impl Source {
    fn parse(files: BTreeMap<ItemPath, String>) -> Self {
        let test_modules: Vec<ItemPath> = files.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
        let is_tested = |path: &ItemPath| !test_modules.iter().any(|tests| path.starts_with(tests));
        let files = files.into_iter().filter(|(path, _)| is_tested(path));
        let modules: BTreeMap<_, _> = files.map(|(path, text)| (path, Module::parse(&without_tests(&text)))).collect();
        let mut source = Self { modules, reexports: BTreeMap::new() };
        for (module, text) in &source.modules {
            for import in text.uses.iter().filter(|import| import.is_public) {
                let definition = source.absolute(module, &import.path);
                source.reexports.extend(definition.map(|path| (joined(module, slice::from_ref(&import.name)), path)));
            }
        }
        source
    }

    /// Returns a path from the root of the crate, or `None` for the path of another crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<ItemPath> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some(joined(module, rest)),
            "super" => {
                let levels = path.iter().take_while(|name| *name == "super").count();
                Some(joined(module.get(..module.len().checked_sub(levels)?)?, &path[levels..]))
            }
            _ => Some(joined(module, path))
                .filter(|_| self.modules.contains_key(&joined(module, slice::from_ref(first)))),
        }
    }

    /// Returns the module that defines an item.
    fn file_of(&self, mut path: ItemPath) -> Option<ItemPath> {
        // A re-export may lead to another one.
        for _ in 0..5 {
            let exported = (1..=path.len()).rev().find_map(|end| Some((end, self.reexports.get(&path[..end])?)));
            let Some((end, definition)) = exported else { break };
            path = joined(definition, &path[end..]);
        }
        (0..=path.len()).rev().map(|end| path[..end].to_vec()).find(|path| self.modules.contains_key(path))
    }
}

impl Module {
    fn parse(text: &str) -> Self {
        let (mut uses, mut rest) = (Vec::new(), String::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some((is_public, tree)) = use_declaration(line) else {
                rest.push_str(line);
                rest.push('\n');
                continue;
            };
            let mut tree = tree.to_owned();
            while !tree.contains(';') {
                tree.push_str(lines.next().unwrap_or(";"));
            }
            let tree = tree.split(';').next().unwrap_or_default();
            names(tree, &[], &mut |path, name| uses.push(Import { is_public, path, name }));
        }
        Self { uses, inline_paths: inline_paths(&rest) }
    }
}

fn joined(one: &[String], other: &[String]) -> ItemPath {
    [one, other].concat()
}

/// Returns the rest of a line that begins a `use` declaration, and `true` if the declaration re-exports.
fn use_declaration(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_start();
    let public = line.strip_prefix("pub").filter(|rest| rest.starts_with([' ', '(']));
    let line = match public {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => line,
    };
    Some((public.is_some(), line.strip_prefix("use ")?))
}

/// Calls `add` with the path and the local name of each name of a `use` declaration.
fn names(tree: &str, before: &[String], add: &mut impl FnMut(ItemPath, String)) {
    let path = |text: &str| {
        let names = text.split("::").map(str::trim).filter(|name| !name.is_empty());
        joined(before, &names.map(str::to_owned).collect::<Vec<_>>())
    };
    if let Some((head, rest)) = tree.split_once('{') {
        let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
        for part in split_list(inner) {
            names(part, &path(head), add);
        }
        return;
    }
    let (whole, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
    let mut path = path(whole);
    path.pop_if(|last| last == "self");
    let Some(last) = path.last().cloned() else { return };
    add(path, alias.map_or(last, |alias| alias.trim().to_owned()));
}

/// Splits a list at the commas outside of its braces.
fn split_list(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = list.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Returns the paths in a text that begin with `crate`, `super` or `self`.
fn inline_paths(text: &str) -> Vec<ItemPath> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c| !is_part(c)).filter(|word| word.contains("::"));
    let paths = words.map(|word| word.trim_end_matches(':').split("::").map(str::to_owned).collect::<Vec<_>>());
    paths.filter(|path| matches!(path[0].as_str(), "crate" | "super" | "self")).collect()
}

/// Returns the modules that a file declares for tests only.
fn test_modules(module: &[String], text: &str) -> Vec<ItemPath> {
    let after = text.split("#[cfg(test)]\n").skip(1);
    let declared = after.filter_map(|rest| {
        let declaration = rest.lines().find(|line| !line.starts_with("#["))?;
        let name = declaration.split_once("mod ")?.1.strip_suffix(';')?;
        Some(joined(module, &[name.to_owned()]))
    });
    declared.collect()
}

/// Removes comments, and the tests at the end of a file.
fn without_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn read_below(folder: &Path, module: &[String], files: &mut BTreeMap<ItemPath, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            read_below(&path, &joined(module, &[name]), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_of_folder = ["mod", "lib", "main"].contains(&name.as_str());
            let module = if is_of_folder { module.to_vec() } else { joined(module, &[name]) };
            // A crate may have both a `lib.rs` and a `main.rs`.
            files.entry(module).or_default().push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(files: &[(&str, &str)]) -> ModuleGraph {
        let path = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        ModuleGraph::parse(files.iter().map(|(name, text)| (path(name), (*text).to_owned())).collect())
    }

    fn imports<'a>(graph: &'a ModuleGraph, module: &str) -> Vec<&'a str> {
        graph.imports().filter(|(from, _)| *from == module).map(|(_, to)| to).collect()
    }

    #[test]
    fn each_kind_of_path_leads_to_its_file() {
        let graph = graph(&[
            ("", "pub mod a;\nmod b;\n"),
            (
                "a",
                "use crate::b::{\n    B, c::{self, D as E},\n};\nuse std::fmt;\nfn f() { self::g::h(); super::i::J; }\n",
            ),
            ("b", ""),
            ("b::c", "pub(in crate::b) use super::super::a::X;\n"),
            ("a::g", "// use crate::b::B;\nuse super::super::b::c;\n"),
            ("i", "mod k;\n    use k::K;\n"),
            ("i::k", "fn f() { let _ = [crate::a::Y]; }"),
        ]);
        assert_eq!(imports(&graph, "a"), ["a::g", "b", "b::c", "i"]);
        assert_eq!(imports(&graph, "b::c"), [] as [&str; 0]);
        assert_eq!(imports(&graph, "a::g"), ["b::c"]);
        assert_eq!(imports(&graph, "i"), ["i::k"]);
        assert_eq!(imports(&graph, "i::k"), ["a"]);
    }

    #[test]
    fn reexport_counts_for_the_defining_file() {
        let graph = graph(&[
            ("", "pub use a::X;\n"),
            ("a", "pub use self::b::X;\npub mod b;\n"),
            ("a::b", "struct X;\n"),
            ("c", "use crate::X;\n"),
            ("d", "use crate::a::X as Y;\n"),
        ]);
        assert_eq!((imports(&graph, "c"), imports(&graph, "d")), (vec!["a::b"], vec!["a::b"]));
        assert_eq!(imports(&graph, "a"), [] as [&str; 0]);
    }

    #[test]
    fn layer_is_the_module_that_an_import_is_written_with() {
        let graph = graph(&[
            ("app", "pub use crate::store::Error;\n"),
            ("store", "pub struct Error;\n"),
            ("http", "use crate::app::Error;\nuse std::fmt;\n"),
            ("http::x", "fn f() -> crate::store::Error { todo() }\n"),
        ]);
        let layers: Vec<_> = graph.layers().filter(|(module, _)| module.starts_with("http")).collect();
        assert_eq!(layers, [("http", "app"), ("http::x", "store")]);
    }

    #[test]
    fn tests_are_left_out() {
        let graph = graph(&[
            ("a", "#[cfg(test)]\n#[allow(x)]\nmod t;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n"),
            ("a::t", "use crate::b;\n"),
            ("b", ""),
        ]);
        assert_eq!(graph.imports().count(), 0);
    }

    #[test]
    fn ring_has_the_modules_that_import_each_other() {
        let graph = graph(&[
            ("a", "use crate::b;\n"),
            ("b", "use crate::c;\n"),
            ("c", "use crate::{a, d};\n"),
            ("d", ""),
            ("e", "use crate::a;\n"),
        ]);
        assert_eq!(graph.rings(), BTreeSet::from([BTreeSet::from(["a", "b", "c"])]));
    }
}
