//! JSON with the gaps closed that serde leaves open: a key given twice, an array where an object
//! belongs, and sections for other platforms.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess,
    SeqAccess, Visitor,
};
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

/// Top-level properties that are none of ours, whatever stands in them: those of other platforms
/// (config.md, "Platform-specific configuration"), and two that oci-spec knows but the
/// specification does not.
const IGNORED: [&str; 7] =
    ["solaris", "windows", "vm", "zos", "freebsd", "uidMappings", "gidMappings"];

/// How the message begins when a key is given twice; the key follows, as in serde's own messages.
pub(super) const DUPLICATE_KEY: &str = "duplicate key ";

/// A deserializer that reads what `inner` reads, strictly.
pub(super) struct Strict<D> {
    inner: D,
    ignored: &'static [&'static str],
}

impl<D> Strict<D> {
    /// For the whole of config.json.
    pub(super) fn new(inner: D) -> Self {
        Self { inner, ignored: &IGNORED }
    }

    /// For a value inside it.
    fn nested(inner: D) -> Self {
        Self { inner, ignored: &[] }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let ignored = self.ignored;
        self.inner.deserialize_any(Values { visitor, ignored })
    }

    /// A struct is an object, although `serde_json` would also take its fields from an array, in
    /// order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let ignored = self.ignored;
        self.inner.deserialize_map(Values { visitor, ignored })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let ignored = self.ignored;
        self.inner.deserialize_option(Values { visitor, ignored })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name == "LinuxSchedulerFlag" {
            let flag = String::deserialize(self.inner)?;
            return visitor.visit_enum(as_oci_spec_has_it(&flag).into_deserializer());
        }
        self.inner.deserialize_enum(name, variants, visitor)
    }

    // Unknown properties are read as anything too (`ignored_any`), so that a key given twice is
    // found in them.
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// Flags of the scheduler whose names oci-spec has got wrong: config.md calls them so, as the
/// kernel does.
fn as_oci_spec_has_it(flag: &str) -> &str {
    match flag {
        "SCHED_FLAG_RESET_ON_FORK" => "SCHED_RESET_ON_FORK",
        "SCHED_FLAG_DL_OVERRUN" => "SCHED_FLAG_D_L_OVERRUN",
        flag => flag,
    }
}

/// Hands each value on, the nested ones strictly.
struct Values<V> {
    visitor: V,
    ignored: &'static [&'static str],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Values<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(formatter)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.visitor.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.visitor.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        self.visitor.visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.visitor.visit_f64(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.visitor.visit_str(value)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict { inner, ignored: self.ignored })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Object { map, ignored: self.ignored, seen: HashSet::new() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(Array(seq))
    }
}

struct Object<A> {
    map: A,
    ignored: &'static [&'static str],
    seen: HashSet<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Object<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            if self.seen.contains(&key) {
                return Err(A::Error::custom(format_args!("{DUPLICATE_KEY}`{key}`")));
            }
            if self.ignored.contains(&key.as_str()) {
                self.map.next_value_seed(Nested(PhantomData::<IgnoredAny>))?;
                self.seen.insert(key);
                continue;
            }
            let found = seed.deserialize(key.as_str().into_deserializer())?;
            self.seen.insert(key);
            return Ok(Some(found));
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(Nested(seed))
    }
}

struct Array<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Array<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Nested(seed))
    }
}

struct Nested<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nested<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict::nested(inner))
    }
}
