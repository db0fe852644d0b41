//! The search grammar (reference 3.3): conditions joined by `and`, `or`, `not` and parentheses.

use crate::sim::api::items::category;
use crate::sim::clock::timestamp;
use crate::sim::world::drive::Node;

/// Most conditions of a query.
const MAX_CONDITIONS: usize = 5;

/// A parsed query.
#[derive(Debug)]
pub(super) enum Query {
    All,
    And(Box<Query>, Box<Query>),
    Or(Box<Query>, Box<Query>),
    Not(Box<Query>),
    Condition { field: String, operator: String, values: Vec<String> },
}

impl Query {
    /// Absent for what the grammar does not know.
    pub(in crate::sim) fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::All);
        }
        let mut parser = Parser { tokens: tokens(text)?, at: 0, conditions: 0 };
        let query = parser.or()?;
        (parser.at == parser.tokens.len() && parser.conditions <= MAX_CONDITIONS).then_some(query)
    }

    pub(in crate::sim) fn holds(&self, node: &Node) -> bool {
        match self {
            Self::All => true,
            Self::And(a, b) => a.holds(node) && b.holds(node),
            Self::Or(a, b) => a.holds(node) || b.holds(node),
            Self::Not(query) => !query.holds(node),
            Self::Condition { field, operator, values } => condition(node, field, operator, values),
        }
    }
}

fn condition(node: &Node, field: &str, operator: &str, values: &[String]) -> bool {
    let value = &values[0];
    let extension = || node.name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    if field == "size" {
        let Ok(wanted) = value.parse::<u64>() else { return false };
        return ordered(operator, node.size().cmp(&wanted));
    }
    let text = match field {
        "parent_file_id" => node.parent.clone(),
        "name" => node.name.clone(),
        "type" => if node.is_folder() { "folder" } else { "file" }.to_owned(),
        "category" => category(&extension()).to_owned(),
        "file_extension" => extension(),
        "created_at" => timestamp(node.created_ms),
        "updated_at" => timestamp(node.updated_ms),
        "starred" => node.starred.to_string(),
        _ => return false,
    };
    match operator {
        "=" => text == *value,
        "in" => values.contains(&text),
        "match" => text.to_lowercase().contains(&value.to_lowercase()),
        "prefix" => text.starts_with(value.as_str()),
        _ => ordered(operator, text.as_str().cmp(value)),
    }
}

fn ordered(operator: &str, order: std::cmp::Ordering) -> bool {
    match operator {
        "=" => order.is_eq(),
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "<=" => order.is_le(),
        ">=" => order.is_ge(),
        _ => false,
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => {}
            '\'' | '"' => {
                let mut value = String::new();
                loop {
                    match chars.next()? {
                        '\\' => value.push(chars.next()?),
                        end if end == c => break,
                        other => value.push(other),
                    }
                }
                tokens.push(Token::Text(value));
            }
            '<' | '>' | '=' => {
                let mut sign = c.to_string();
                if c != '=' && chars.peek() == Some(&'=') {
                    sign.extend(chars.next());
                }
                tokens.push(Token::Sign(sign));
            }
            '(' | ')' | '[' | ']' | ',' => tokens.push(Token::Sign(c.to_string())),
            _ => {
                let mut word = c.to_string();
                while let Some(next) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    conditions: usize,
}

impl Parser {
    fn take_word(&mut self, word: &str) -> bool {
        let hit = matches!(self.tokens.get(self.at), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        self.at += usize::from(hit);
        hit
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let hit = matches!(self.tokens.get(self.at), Some(Token::Sign(s)) if s == sign);
        self.at += usize::from(hit);
        hit
    }

    fn or(&mut self) -> Option<Query> {
        let mut query = self.and()?;
        while self.take_word("or") {
            query = Query::Or(Box::new(query), Box::new(self.and()?));
        }
        Some(query)
    }

    fn and(&mut self) -> Option<Query> {
        let mut query = self.not()?;
        while self.take_word("and") {
            query = Query::And(Box::new(query), Box::new(self.not()?));
        }
        Some(query)
    }

    fn not(&mut self) -> Option<Query> {
        if self.take_word("not") {
            return Some(Query::Not(Box::new(self.not()?)));
        }
        if self.take_sign("(") {
            let query = self.or()?;
            return self.take_sign(")").then_some(query);
        }
        self.condition()
    }

    fn condition(&mut self) -> Option<Query> {
        self.conditions += 1;
        let Token::Word(field) = self.tokens.get(self.at)? else { return None };
        let field = field.clone();
        let operator = match self.tokens.get(self.at + 1)? {
            Token::Sign(sign) => sign.clone(),
            Token::Word(word) if matches!(word.as_str(), "in" | "match" | "prefix") => word.clone(),
            _ => return None,
        };
        self.at += 2;
        let mut values = Vec::new();
        if operator == "in" {
            if !self.take_sign("[") {
                return None;
            }
            while !self.take_sign("]") {
                values.push(self.value()?);
                self.take_sign(",");
            }
        } else {
            values.push(self.value()?);
        }
        (!values.is_empty()).then_some(Query::Condition { field, operator, values })
    }

    fn value(&mut self) -> Option<String> {
        self.at += 1;
        match self.tokens.get(self.at - 1)? {
            Token::Text(text) | Token::Word(text) => Some(text.clone()),
            Token::Sign(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::drive::Drive;

    #[test]
    fn understands_the_documented_grammar() {
        let mut drive = Drive { id: "1".into(), user: 0, nodes: std::collections::HashMap::new() };
        let id =
            drive.add("root", "clip.mp4", Some(crate::sim::world::content::Content::Generated { size: 10, seed: 1 }));
        let node = &drive.nodes[&id];
        let holds = |text: &str| Query::parse(text).unwrap().holds(node);
        assert!(holds("parent_file_id = 'root' and name = 'clip.mp4' and type = 'file'"));
        assert!(holds("not (type = 'folder') and category in [\"video\",\"audio\"]"));
        assert!(holds("name match 'CLIP' and created_at > '2020-01-31T00:00:00'"));
        assert!(holds("size >= 10"));
        assert!(!holds("name = 'it\\'s' or type = 'folder'"));
        assert!(Query::parse("name = ").is_none());
        assert!(Query::parse("(name = 'a'").is_none());
        assert!(Query::parse(&["type = 'file'"; 6].join(" and ")).is_none());
    }
}
