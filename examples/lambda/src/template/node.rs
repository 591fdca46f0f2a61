//! A node of a template, with the way to it.

use std::collections::HashSet;

use saphyr::{AnnotatedMapping, MarkedYaml, Scalar, YamlData};

/// The key of YAML 1.1 that merges other maps.
pub(super) const MERGE: &str = "<<";

/// A node, its key from the root, and its line.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) key: String,
    pub(super) line: usize,
    yaml: &'a MarkedYaml<'a>,
    /// The node of `Globals` that this one adds to.
    global: Option<Box<Self>>,
}

/// A node's value, as far as it is known before the template is deployed.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(i64),
    /// A number that is not whole, or one without end.
    Float(f64),
    Text(&'a str),
    List(Vec<Node<'a>>),
    Map(Vec<(&'a str, Node<'a>)>),
    /// An intrinsic function, `!Ref Origin` or `{"Ref": "Origin"}`, or what YAML has besides.
    Unknown(String),
}

impl<'a> Node<'a> {
    pub(super) fn root(yaml: &'a MarkedYaml<'a>) -> Self {
        Self::at(String::new(), yaml)
    }

    fn at(key: String, yaml: &'a MarkedYaml<'a>) -> Self {
        let line = yaml.span.start.line();
        Self {
            key,
            line,
            yaml,
            global: None,
        }
    }

    /// The node, merged with one of `Globals` as SAM does it.
    pub(super) fn over(mut self, global: Option<Self>) -> Self {
        self.global = global.map(Box::new);
        self
    }

    /// The value. Of two maps each key is merged, two lists follow each other, and all else is the
    /// resource's own alone: an intrinsic function, too, because SAM does not know what comes of it.
    pub(super) fn value(&self) -> Value<'a> {
        let own = self.own_value();
        let Some(global) = &self.global else {
            return own;
        };
        match (global.value(), own) {
            (Value::Map(mut all), Value::Map(own)) => {
                for (name, node) in own {
                    match all.iter_mut().find(|(key, _)| *key == name) {
                        Some((_, merged)) => *merged = node.over(Some(merged.clone())),
                        None => all.push((name, node)),
                    }
                }
                Value::Map(all)
            }
            (Value::List(mut all), Value::List(own)) => {
                all.extend(own);
                Value::List(all)
            }
            (_, own) => own,
        }
    }

    fn own_value(&self) -> Value<'a> {
        match &self.yaml.data {
            YamlData::Value(Scalar::Null) => Value::Null,
            YamlData::Value(Scalar::Boolean(value)) => Value::Bool(*value),
            YamlData::Value(Scalar::Integer(value)) => Value::Number(*value),
            YamlData::Value(Scalar::String(text)) => Value::Text(text),
            YamlData::Value(Scalar::FloatingPoint(value)) => Value::Float(**value),
            YamlData::Sequence(list) => {
                let at = |(i, yaml)| Self::at(format!("{}[{i}]", self.key), yaml);
                Value::List(list.iter().enumerate().map(at).collect())
            }
            YamlData::Mapping(map) => {
                let pairs = self.pairs(map);
                match &pairs[..] {
                    [(name, _)] if *name == "Ref" || name.starts_with("Fn::") => {
                        Value::Unknown((*name).to_owned())
                    }
                    _ => Value::Map(pairs),
                }
            }
            YamlData::Tagged(tag, inner) => match inner.data.as_str() {
                Some(text) => Value::Unknown(format!("{tag} {text}")),
                None => Value::Unknown(tag.to_string()),
            },
            YamlData::Representation(text, ..) => Value::Text(text),
            YamlData::Alias(_) | YamlData::BadValue => Value::Unknown("?".to_owned()),
        }
    }

    /// The pairs of a map, with those that it merges.
    ///
    /// CloudFormation itself refuses `<<`. SAM and `aws cloudformation package` resolve it as PyYAML does: a map's
    /// own keys come before those that it merges, and of several maps the first is left.
    fn pairs(&self, map: &'a AnnotatedMapping<'a, MarkedYaml<'a>>) -> Vec<(&'a str, Self)> {
        let mut pairs = Vec::new();
        let mut names = HashSet::new();
        let mut maps = vec![map];
        while let Some(map) = maps.pop() {
            let merged = map.iter().filter(|(key, _)| name(key) == MERGE);
            let merged: Vec<_> = merged.filter_map(|(_, yaml)| maps_of(yaml)).collect();
            for (key, yaml) in map {
                let name = name(key);
                let is_merged = name == MERGE && maps_of(yaml).is_some();
                if !is_merged && (names.insert(name) || key.data.as_str().is_none()) {
                    let dot = if self.key.is_empty() { "" } else { "." };
                    let key = [&self.key, dot, &shown(name)].concat();
                    pairs.push((name, Self::at(key, yaml)));
                }
            }
            maps.extend(merged.into_iter().flatten().rev());
        }
        pairs
    }

    /// The pairs of a map, also of one that is a function for everybody else.
    pub(super) fn as_written(&self) -> Option<Vec<(&'a str, Self)>> {
        self.yaml.data.as_mapping().map(|map| self.pairs(map))
    }

    /// The node under a key, if this is a map that has it.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        match self.value() {
            Value::Map(pairs) => {
                let pair = pairs.into_iter().find(|(key, _)| *key == name);
                pair.map(|(_, node)| node)
            }
            _ => None,
        }
    }

    /// The argument of an intrinsic function: `!Transform {…}`, or `{"Fn::Transform": {…}}`.
    pub(super) fn argument_of(&self, function: &str) -> Option<Self> {
        match &self.yaml.data {
            YamlData::Tagged(tag, inner) => {
                (tag.suffix == function).then(|| Self::at(self.key.clone(), inner))
            }
            _ => {
                let pairs = self.as_written()?.into_iter();
                let mut functions =
                    pairs.filter(|(name, _)| name.strip_prefix("Fn::") == Some(function));
                functions.next().map(|(_, node)| node)
            }
        }
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value() {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A name as it may stand on a terminal, in one line.
fn shown(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for char in name.chars() {
        match char {
            '"' | '\'' | '\\' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
    }
    shown
}

fn name<'a>(key: &'a MarkedYaml<'_>) -> &'a str {
    key.data.as_str().unwrap_or("?")
}

/// The maps that a value of `<<` brings, if it brings maps alone.
fn maps_of<'a>(yaml: &'a MarkedYaml<'a>) -> Option<Vec<&'a AnnotatedMapping<'a, MarkedYaml<'a>>>> {
    match &yaml.data {
        YamlData::Mapping(map) => Some(vec![map]),
        YamlData::Sequence(all) => all.iter().map(|yaml| yaml.data.as_mapping()).collect(),
        _ => None,
    }
}

impl Value<'_> {
    /// The value, for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            // `600.0` is not `600`.
            Self::Float(value) => format!("{value:?}"),
            Self::Text(text) => (*text).to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Unknown(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::template::read;

    #[test]
    fn a_merged_block_is_read_as_sam_reads_it() {
        let api = "Type: AWS::Serverless::HttpApi\n    Properties:\n      ";
        let origins = "{AllowOrigins: ['https://a.example']}";
        for (name, before, rest, wanted) in [
            (
                "properties",
                format!("x: &c {{CorsConfiguration: {origins}}}"),
                "<<: *c",
                r#"{"allow_origins":["https://a.example"]}"#,
            ),
            (
                "a block with a key of its own",
                format!("x: &c {origins}"),
                "CorsConfiguration: {<<: *c, MaxAge: 5}",
                r#"{"allow_origins":["https://a.example"],"max_age":5}"#,
            ),
            (
                "its own key comes first",
                format!("x: &c {origins}"),
                "CorsConfiguration: {AllowOrigins: ['*'], <<: *c}",
                r#"{"allow_origins":"*"}"#,
            ),
            (
                "of several the first",
                format!("x: &c {origins}\ny: &d {{AllowOrigins: ['*'], MaxAge: 5}}"),
                "CorsConfiguration: {<<: [*c, *d]}",
                r#"{"allow_origins":["https://a.example"],"max_age":5}"#,
            ),
            (
                "one that merges another",
                format!("x: &c {origins}\ny: &d {{<<: *c, MaxAge: 5}}\nz: &e {{MaxAge: 6}}"),
                "CorsConfiguration: {<<: [*d, *e]}",
                r#"{"allow_origins":["https://a.example"],"max_age":5}"#,
            ),
        ] {
            let template = format!("{before}\nResources:\n  A:\n    {api}{rest}\n");
            let blocks = read(&template).unwrap_or_else(|problems| panic!("{name}: {problems}"));
            let [block] = &blocks[..] else {
                panic!("{name}: {blocks:?}")
            };
            let settings = serde_json::to_value(block.settings()).unwrap();
            for (key, value) in wanted_of(wanted) {
                assert_eq!(settings[&key], value, "{name}");
            }
            assert_eq!(block.path(), "Resources.A.Properties.CorsConfiguration");
        }
    }

    fn wanted_of(text: &str) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_mistake_in_a_merged_block_is_told_where_it_is_written() {
        let problems = read(
            "x: &c {CorsConfiguration: {AllowOrigins: ['https://a.example/']}}\n\
             Resources: {A: {Type: AWS::ApiGatewayV2::Api, Properties: {<<: *c}}}\n",
        );
        let told = problems.unwrap_err().to_string();
        let place = "line 1: Resources.A.Properties.CorsConfiguration.AllowOrigins[0]: ";
        assert!(told.starts_with(place), "{told}");
    }

    #[test]
    fn a_name_gives_a_terminal_no_orders() {
        let blocks = read(
            r#"{"Resources": {"A\u001b[31m\nB": {"Type": "AWS::Serverless::HttpApi", "Properties": {"CorsConfiguration": true}}}}"#,
        );
        assert_eq!(
            blocks.unwrap()[0].path(),
            r"Resources.A\u{1b}[31m\nB.Properties.CorsConfiguration"
        );
    }

    #[test]
    fn a_merge_of_no_map_is_told() {
        for value in ["!Ref X", "1", "[1]", "[{}, *c]"] {
            let problems = read(&format!(
                "x: &c 1\nResources: {{A: {{Type: AWS::ApiGatewayV2::Api, Properties: {{<<: {value}}}}}}}\n"
            ));
            let told = problems.expect_err(value).to_string();
            let wanted = "Resources.A.Properties.<<: ";
            assert!(
                told.contains(wanted) && told.contains("does not bring a map"),
                "{told}"
            );
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
}
