//! The arguments of one command; what is wrong with them is said in one line with the usage.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser};

use crate::failure::Failure;

/// What stands behind `cargo xtask COMMAND`.
pub struct Args {
    parser: Parser,
    usage: String,
}

impl Args {
    pub fn new(args: Vec<OsString>, usage: String) -> Self {
        Self {
            parser: Parser::from_args(args),
            usage,
        }
    }

    /// The next argument, sorted out by `take`, which gives back what it does not know.
    ///
    /// `take` returns `false` for an argument the command does not have.
    pub fn each(
        mut self,
        mut take: impl FnMut(&Given, &mut Value<'_>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        loop {
            let given = match self.parser.next() {
                Ok(None) => return Ok(()),
                Ok(Some(Arg::Long(name))) => Given::Flag(name.to_owned()),
                Ok(Some(Arg::Short(name))) => Given::Short(name),
                Ok(Some(Arg::Value(value))) => Given::Word(text(&value, &self.usage)?),
                Err(error) => return Err(wrong(&error.to_string(), &self.usage)),
            };
            let mut value = Value {
                parser: &mut self.parser,
                usage: &self.usage,
            };
            if !take(&given, &mut value)? {
                return Err(wrong(&format!("unexpected {given}"), &self.usage));
            }
        }
    }

    /// No argument at all.
    pub fn none(self) -> Result<(), Failure> {
        self.each(|_, _| Ok(false))
    }

    /// At most one argument, a word.
    pub fn at_most_one(self) -> Result<Option<String>, Failure> {
        let mut word = None;
        self.each(|given, _| match given {
            Given::Word(text) if word.is_none() => {
                word = Some(text.clone());
                Ok(true)
            }
            _ => Ok(false),
        })?;
        Ok(word)
    }

    /// Exactly one argument, a word, called `what` in the usage.
    pub fn one(self, what: &str) -> Result<String, Failure> {
        let usage = self.usage.clone();
        self.at_most_one()?
            .ok_or_else(|| wrong(&format!("{what} is missing"), &usage))
    }

    /// All of them as they are, for another program.
    pub fn rest(mut self) -> Vec<OsString> {
        match self.parser.raw_args() {
            Ok(raw) => raw.collect(),
            Err(_) => Vec::new(), // only when an option was half read; we have read none
        }
    }

    pub fn usage(&self) -> String {
        self.usage.clone()
    }
}

/// One argument as it was given.
pub enum Given {
    Flag(String),
    Short(char),
    Word(String),
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "`--{name}`"),
            Self::Short(name) => write!(f, "`-{name}`"),
            Self::Word(word) => write!(f, "`{word}`"),
        }
    }
}

/// The value that belongs to the flag just read.
pub struct Value<'a> {
    parser: &'a mut Parser,
    usage: &'a str,
}

impl Value<'_> {
    pub fn text(&mut self) -> Result<String, Failure> {
        let value = self.parser.value();
        let value = value.map_err(|error| wrong(&error.to_string(), self.usage))?;
        text(&value, self.usage)
    }

    pub fn path(&mut self) -> Result<PathBuf, Failure> {
        self.text().map(PathBuf::from)
    }
}

/// A usage error that ends with how the command is called.
pub fn wrong(fault: &str, usage: &str) -> Failure {
    Failure::usage(format!("{fault}; usage: {}", usage.trim_end()))
}

fn text(value: &OsString, usage: &str) -> Result<String, Failure> {
    value
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| wrong("an argument is not UTF-8", usage))
}
