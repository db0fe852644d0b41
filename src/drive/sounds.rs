//! Which sound a film has, as far as it matters to whoever is to play it: in two bytes, for listings keep it.

/// Forms of sound, and what the service's names for them begin with (those of ffmpeg).
const FORMS: [(&str, &[&str]); 12] = [
    ("aac", &["aac"]),
    ("mp3", &["mp3"]),
    ("opus", &["opus"]),
    ("vorbis", &["vorbis"]),
    ("flac", &["flac"]),
    ("pcm", &["pcm"]),
    ("ac3", &["ac3", "ac-3"]),
    ("eac3", &["eac3", "e-ac-3", "ec-3"]),
    ("dts", &["dts", "dca"]),
    ("truehd", &["truehd", "mlp"]),
    ("alac", &["alac"]),
    ("wma", &["wma"]),
];

/// The forms of a film's sound tracks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sounds(u16);

impl Sounds {
    /// By the service's names; what is not known is left out.
    pub(super) fn of(names: &[String]) -> Self {
        let bit = |name: &String| {
            let name = name.to_ascii_lowercase();
            FORMS.iter().position(|(_, starts)| starts.iter().any(|start| name.starts_with(start)))
        };
        Self(names.iter().filter_map(bit).fold(0, |all, bit| all | 1 << bit))
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let mine = move |(bit, (name, _)): (usize, &(&'static str, _))| (self.0 & 1 << bit != 0).then_some(*name);
        FORMS.iter().enumerate().filter_map(mine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_known_by_any_of_its_names() {
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Sounds::of(&names).names().collect::<Vec<_>>()
        };
        assert_eq!(of(&["DCA", "aac", "aac"]), ["aac", "dts"]);
        assert_eq!(of(&["pcm_s16le", "mlp", "E-AC-3", "unheard-of"]), ["pcm", "eac3", "truehd"]);
        assert!(of(&[]).is_empty());
    }
}
