//! A gzip body that is small until it is decoded, written without ever holding the large one.

use std::io;

use flate2::{Compress, Compression, Crc, FlushCompress};

/// The parts of one gzip member (RFC 1952): `head`, `block` repeated, `tail`.
pub(crate) struct Bomb {
    pub(crate) head: Vec<u8>,
    pub(crate) block: Vec<u8>,
    pub(crate) repeats: u64,
    pub(crate) tail: Vec<u8>,
}

const BLOCK: usize = 1 << 20;
const BEFORE: &[u8] = br#"{"token_type":"Bearer","access_token":""#;
const AFTER: &[u8] = br#""}"#;

impl Bomb {
    /// A token response whose token has so many characters.
    pub(crate) fn new(decoded_bytes: u64) -> io::Result<Self> {
        let filler = vec![b'a'; BLOCK];
        let (repeats, rest) = (decoded_bytes / BLOCK as u64, decoded_bytes % BLOCK as u64);
        let rest = filler
            .get(..usize::try_from(rest).unwrap_or_default())
            .unwrap_or_default();
        let last = [rest, AFTER].concat();

        let mut head = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        head.extend(deflate(BEFORE, FlushCompress::Full)?);
        // a full flush ends on a byte and forgets what came before, so that the block can be repeated
        let block = deflate(&filler, FlushCompress::Full)?;
        let mut tail = deflate(&last, FlushCompress::Finish)?;

        let (mut sum, whole) = (crc(BEFORE), crc(&filler));
        (0..repeats).for_each(|_| sum.combine(&whole));
        sum.combine(&crc(&last));
        tail.extend(sum.sum().to_le_bytes());
        let length = decoded_bytes.wrapping_add((BEFORE.len() + AFTER.len()) as u64);
        tail.extend(length.to_le_bytes().into_iter().take(4)); // modulo 2^32 (RFC 1952 2.3.1)
        Ok(Self {
            head,
            block,
            repeats,
            tail,
        })
    }

    /// The size as it is sent.
    pub(crate) fn len(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.block.len() as u64 * self.repeats
    }
}

fn deflate(data: &[u8], flush: FlushCompress) -> io::Result<Vec<u8>> {
    let mut compress = Compress::new(Compression::best(), false);
    // room for everything at once: a little more than the data where they cannot be compressed
    let mut out = Vec::with_capacity(data.len() + 1024);
    compress.compress_vec(data, &mut out, flush)?;
    Ok(out)
}

fn crc(data: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(data);
    crc
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{BLOCK, Bomb};

    #[test]
    fn decodes_to_one_json_document_of_the_size_asked_for() {
        for size in [0, 1, BLOCK as u64, 5 * BLOCK as u64 + 7] {
            let bomb = Bomb::new(size).unwrap();
            let mut sent = bomb.head.clone();
            (0..bomb.repeats).for_each(|_| sent.extend(&bomb.block));
            sent.extend(&bomb.tail);
            assert_eq!(sent.len() as u64, bomb.len());
            let mut text = String::new();
            flate2::read::GzDecoder::new(&sent[..])
                .read_to_string(&mut text)
                .unwrap();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["access_token"].as_str().unwrap().len() as u64, size);
        }
    }

    #[test]
    fn is_small_as_it_is_sent() {
        assert!(Bomb::new(1 << 30).unwrap().len() < 4 << 20);
    }
}
