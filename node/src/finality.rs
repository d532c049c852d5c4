//! Certificates: that a quorum of validators has made a block final. Whoever has one needs neither the chain nor a peer.

use crate::{
    block::{BlockDigest, HEADER_BYTES, PlacedBlock, Placement},
    validator::Committee,
};
use borsh::BorshDeserialize as _;
use bytes::BufMut;
use commonware_codec::{Buf, Copying, Encode as _, EncodeSize, Error, Read, ReadExt as _, Write};
use commonware_consensus::simplex::{scheme::ed25519::Scheme, types::Finalization};
use commonware_cryptography::certificate::Verifier as _;
use commonware_parallel::Sequential;
use commonware_utils::sys_rng;
use core::fmt;
use lockstep_chain::Header;

/// The header of a block, where consensus placed it, and the votes that made it final.
#[derive(Debug, Clone)]
pub struct Certificate {
    finalization: Finalization<Scheme, BlockDigest>,
    placement: Placement,
    header: Header,
}

/// Why bytes prove nothing.
#[derive(Debug)]
pub enum InvalidCertificate {
    /// They are no certificate.
    Encoding(Error),
    /// The votes are for another block.
    OtherBlock,
    /// The votes are not those of a quorum of the committee.
    Votes,
}

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding(error) => write!(f, "no certificate: {error}"),
            Self::OtherBlock => f.write_str("the votes of the certificate are for another block than its header's"),
            Self::Votes => {
                f.write_str("the votes of the certificate are not those of a quorum of this chain's validators")
            }
        }
    }
}

impl core::error::Error for InvalidCertificate {}

impl Certificate {
    /// That `block` is final, as `finalization` says.
    pub fn new(block: &PlacedBlock, finalization: Finalization<Scheme, BlockDigest>) -> Self {
        Self { finalization, placement: block.placement().clone(), header: block.raw().header().clone() }
    }

    /// The header of the block.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The votes, for an engine that begins with the block.
    pub(crate) fn into_finalization(self) -> Finalization<Scheme, BlockDigest> {
        self.finalization
    }

    /// The bytes of a certificate.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode().to_vec()
    }

    /// The header of the block that the certificate in `bytes` proves to be final.
    ///
    /// # Errors
    ///
    /// [`InvalidCertificate`].
    pub fn verify(bytes: &[u8], committee: &Committee) -> Result<Header, InvalidCertificate> {
        Self::read_verified(bytes, committee).map(|certificate| certificate.header)
    }

    /// The certificate in `bytes`, once it was verified.
    ///
    /// # Errors
    ///
    /// [`InvalidCertificate`].
    pub fn read_verified(bytes: &[u8], committee: &Committee) -> Result<Self, InvalidCertificate> {
        use commonware_codec::Decode as _;
        let verifier = committee.verifier();
        let Self { finalization, placement, header } =
            Self::decode_cfg(Copying(bytes), &verifier.certificate_codec_config())
                .map_err(InvalidCertificate::Encoding)?;
        if finalization.proposal.payload != PlacedBlock::digest_of(&placement, &header.hash()) {
            return Err(InvalidCertificate::OtherBlock);
        }
        match finalization.verify(&mut sys_rng(), &verifier, &Sequential) {
            true => Ok(Self { finalization, placement, header }),
            false => Err(InvalidCertificate::Votes),
        }
    }
}

impl Write for Certificate {
    fn write(&self, writer: &mut impl BufMut) {
        self.finalization.write(writer);
        self.placement.write(writer);
        // Numbers and hashes can always be encoded.
        writer.put_slice(&borsh::to_vec(&self.header).unwrap_or_default());
    }
}

impl EncodeSize for Certificate {
    fn encode_size(&self) -> usize {
        let votes = self.finalization.encode_size();
        votes.saturating_add(self.placement.encode_size()).saturating_add(HEADER_BYTES)
    }
}

impl Read for Certificate {
    type Cfg = <Finalization<Scheme, BlockDigest> as Read>::Cfg;

    fn read_cfg(reader: &mut impl Buf, config: &Self::Cfg) -> Result<Self, Error> {
        let finalization = Finalization::read_cfg(reader, config)?;
        let placement = Placement::read(reader)?;
        if reader.remaining() < HEADER_BYTES {
            return Err(Error::EndOfBuffer);
        }
        let header = Header::deserialize(&mut &*reader.copy_to_bytes(HEADER_BYTES));
        let header = header.map_err(|_| Error::Invalid("Certificate", "no header in borsh"))?;
        Ok(Self { finalization, placement, header })
    }
}
