//! As much of TOML (toml.io, 1.0) as containerd writes of one table of options: lines of a key and
//! a switch, a whole number or a string of one line.

/// What a key has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Switch(bool),
    Number(i64),
    Text(String),
}

impl Value {
    pub(super) fn switch(self) -> Result<bool, String> {
        if let Self::Switch(on) = self { Ok(on) } else { Err("not true or false".to_owned()) }
    }

    pub(super) fn number(self) -> Result<u32, String> {
        let number =
            if let Self::Number(number) = self { u32::try_from(number).ok() } else { None };
        number.ok_or_else(|| "not a number, or too large".to_owned())
    }

    pub(super) fn text(self) -> Result<String, String> {
        if let Self::Text(text) = self { Ok(text) } else { Err("not a string".to_owned()) }
    }
}

/// The keys and values of `text`, in its order. An error names the line.
pub(super) fn read(text: &str) -> Result<Vec<(String, Value)>, String> {
    let mut pairs: Vec<(String, Value)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (key, value) = pair(trimmed).ok_or_else(|| format!("{line:?}: not understood"))?;
        if pairs.iter().any(|(before, _)| *before == key) {
            return Err(format!("{key}: given twice"));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn pair(line: &str) -> Option<(String, Value)> {
    let (key, rest) = line.split_once('=')?;
    let key = key.trim();
    let quoted = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    let key = quoted.unwrap_or(key);
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.is_empty() || !key.chars().all(is_bare) {
        return None;
    }
    let (value, after) = value(rest.trim_start())?;
    let after = after.trim_start();
    let is_end = after.is_empty() || after.starts_with('#');
    is_end.then(|| (key.to_owned(), value))
}

/// The value that `text` begins with, and what comes after it.
fn value(text: &str) -> Option<(Value, &str)> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (literal, rest) = rest.split_once('\'')?;
        return Some((Value::Text(literal.to_owned()), rest));
    }
    if let Some(rest) = text.strip_prefix('"') {
        let (text, rest) = string(rest)?;
        return Some((Value::Text(text), rest));
    }
    let end = text.find(|c: char| c.is_whitespace() || c == '#').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = match word {
        "true" => Value::Switch(true),
        "false" => Value::Switch(false),
        // Underscores between digits are for the reader.
        _ => Value::Number(word.replace('_', "").parse().ok()?),
    };
    Some((value, rest))
}

/// A string with escapes, up to its second quote, and what comes after it.
fn string(text: &str) -> Option<(String, &str)> {
    let mut string = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((string, chars.as_str())),
            '\\' => {
                let c = escaped(chars.next()?, &mut chars)?;
                string.push(c);
            }
            c => string.push(c),
        }
    }
}

fn escaped(c: char, rest: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match c {
        '"' | '\\' => return Some(c),
        'b' => return Some('\u{8}'),
        't' => return Some('\t'),
        'n' => return Some('\n'),
        'f' => return Some('\u{c}'),
        'r' => return Some('\r'),
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let (hex, _) = rest.as_str().split_at_checked(digits)?;
    let c = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?;
    rest.nth(digits - 1);
    Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Option<Value> {
        read(line).ok().and_then(|pairs| pairs.into_iter().next()).map(|(_, value)| value)
    }

    fn text(text: &str) -> Option<Value> {
        Some(Value::Text(text.to_owned()))
    }

    #[test]
    fn values_are_switches_numbers_and_strings() {
        assert_eq!(one("a = true"), Some(Value::Switch(true)));
        assert_eq!(one("  a=false # no"), Some(Value::Switch(false)));
        assert_eq!(one("a = 65_536"), Some(Value::Number(65536)));
        assert_eq!(one("a = -1"), Some(Value::Number(-1)));
        assert_eq!(one(r"a = '/run/\n#'  # path"), text(r"/run/\n#"));
        assert_eq!(one(r#""a-b" = "q\"\\\n\u00e9\U0001F600=#""#), text("q\"\\\n\u{e9}\u{1f600}=#"));
        assert_eq!(one("a = ''"), text(""));
    }

    #[test]
    fn what_is_not_understood_is_not_passed_over() {
        let lines = [
            "a",
            "= 1",
            "a =",
            "a = 'x",
            "a = \"x",
            r#"a = "\x""#,
            r#"a = "\u12""#,
            "a = 1 2",
            "a = maybe",
            "[a]",
            "a = [1]",
            "a.b = 1",
            "a = 'x' y",
            "a = '''x'''",
            "a = {}",
        ];
        for line in lines {
            assert!(read(line).is_err(), "{line}: {:?}", read(line));
        }
        assert_eq!(read("a = 1\n\n# c\na = 2"), Err("a: given twice".to_owned()));
    }
}
