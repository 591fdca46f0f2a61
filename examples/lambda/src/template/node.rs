//! A node of a template, with the way to it.

use saphyr::{MarkedYaml, Scalar, YamlData};

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
            YamlData::Value(Scalar::FloatingPoint(value)) => Value::Unknown(value.to_string()),
            YamlData::Sequence(list) => {
                let at = |(i, yaml)| Self::at(format!("{}[{i}]", self.key), yaml);
                Value::List(list.iter().enumerate().map(at).collect())
            }
            YamlData::Mapping(map) => {
                let pairs = map.iter().map(|(key, yaml)| {
                    let name = key.data.as_str().unwrap_or("?");
                    let dot = if self.key.is_empty() { "" } else { "." };
                    (name, Self::at([&self.key, dot, name].concat(), yaml))
                });
                let pairs: Vec<_> = pairs.collect();
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

    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value() {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Value<'_> {
    /// The value, for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) => (*text).to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Unknown(text) => text.clone(),
        }
    }
}
