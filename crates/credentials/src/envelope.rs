//! Encryption: fields with a data key, the data key with a master key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use jackfield_types::TenantId;
use zeroize::Zeroizing;

use crate::error::CredentialError;
use crate::key::{KEY_BYTES, MasterKey, MasterKeys, random};
use crate::row::{Header, MOST_HEADER, NONCE_BYTES, Row, VERSION};

/// What the encryption of a data key is for, so that it is never taken for something else.
const FOR_KEY: &[u8] = b"jackfield: the data key of a credential";
/// What the encryption of fields is for.
const FOR_FIELDS: &[u8] = b"jackfield: the fields of a credential";

/// Which credential it is. It is authenticated with everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) name: &'a str,
}

type DataKey = Zeroizing<[u8; KEY_BYTES]>;

/// Encrypts fields with a new data key, and that with the current master key.
pub(crate) fn seal(
    keys: &MasterKeys,
    place: Place<'_>,
    mut header: Header,
    fields: &[u8],
) -> Result<Row, CredentialError> {
    let master = keys.sealing()?;
    header.data_key = URL_SAFE_NO_PAD.encode(*random::<16>()?);
    let header_bytes = serde_json::to_vec(&header).map_err(|_| CredentialError::Encryption)?;
    if header_bytes.len() > MOST_HEADER {
        return Err(CredentialError::BindingTooLarge { most: MOST_HEADER });
    }
    let data_key: DataKey = random()?;
    let nonce = *random()?;
    let cipher = cipher(&data_key);
    let context = fields_context(place, &header_bytes);
    let body = encrypt(&cipher, nonce, fields, &context)?;
    let mut row = Row {
        header,
        header_bytes: header_bytes.into(),
        key: master.id().clone(),
        check: *master.check(),
        wrap_nonce: [0; NONCE_BYTES],
        wrapped: [0; _],
        nonce,
        body: body.into(),
    };
    wrap(master, place, &mut row, &data_key)?;
    Ok(row)
}

/// Decrypts fields.
pub(crate) fn open(
    keys: &MasterKeys,
    place: Place<'_>,
    row: &Row,
) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let data_key = unwrap(keys, place, row)?;
    fields(place, row, &data_key)
}

/// Encrypts the data key of a row with the current master key. The fields stay as they are.
pub(crate) fn rewrap(
    keys: &MasterKeys,
    place: Place<'_>,
    row: &Row,
) -> Result<Row, CredentialError> {
    let master = keys.sealing()?;
    let data_key = unwrap(keys, place, row)?;
    // What could not be read before is not made to look as if it could.
    fields(place, row, &data_key)?;
    let mut row = row.clone();
    row.key = master.id().clone();
    row.check = *master.check();
    wrap(master, place, &mut row, &data_key)?;
    Ok(row)
}

/// Whether a row is encrypted with the current master key.
pub(crate) fn is_current(keys: &MasterKeys, row: &Row) -> bool {
    keys.current()
        .is_some_and(|master| row.key == *master.id() && row.check == *master.check())
}

fn wrap(
    master: &MasterKey,
    place: Place<'_>,
    row: &mut Row,
    data_key: &DataKey,
) -> Result<(), CredentialError> {
    row.wrap_nonce = *random()?;
    let context = key_context(place, row);
    let wrapped = encrypt(
        &cipher(master.bytes()),
        row.wrap_nonce,
        &**data_key,
        &context,
    )?;
    row.wrapped = wrapped
        .try_into()
        .map_err(|_| CredentialError::Encryption)?;
    Ok(())
}

fn unwrap(keys: &MasterKeys, place: Place<'_>, row: &Row) -> Result<DataKey, CredentialError> {
    let Some(master) = keys.find(&row.key) else {
        return Err(CredentialError::KeyMissing {
            name: place.name.to_owned(),
            wanted: row.key.clone(),
            held: keys.names(),
        });
    };
    if *master.check() != row.check {
        return Err(CredentialError::KeyWrong {
            name: place.name.to_owned(),
            wanted: row.key.clone(),
            held: keys.names(),
        });
    }
    let context = key_context(place, row);
    let decrypted = decrypt(
        &cipher(master.bytes()),
        row.wrap_nonce,
        &row.wrapped,
        &context,
    );
    let data_key = decrypted.ok_or_else(|| altered(place))?;
    let data_key: [u8; KEY_BYTES] = data_key.as_slice().try_into().map_err(|_| altered(place))?;
    Ok(Zeroizing::new(data_key))
}

fn fields(
    place: Place<'_>,
    row: &Row,
    data_key: &DataKey,
) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let context = fields_context(place, &row.header_bytes);
    decrypt(&cipher(data_key), row.nonce, &row.body, &context).ok_or_else(|| altered(place))
}

fn altered(place: Place<'_>) -> CredentialError {
    CredentialError::Damaged {
        name: place.name.to_owned(),
        reason: "it was altered, or is the one of another name or tenant",
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(<&Key>::from(key))
}

fn encrypt(
    cipher: &XChaCha20Poly1305,
    nonce: [u8; NONCE_BYTES],
    text: &[u8],
    context: &[u8],
) -> Result<Vec<u8>, CredentialError> {
    let payload = Payload {
        msg: text,
        aad: context,
    };
    cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| CredentialError::Encryption)
}

fn decrypt(
    cipher: &XChaCha20Poly1305,
    nonce: [u8; NONCE_BYTES],
    text: &[u8],
    context: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload {
        msg: text,
        aad: context,
    };
    let decrypted = cipher.decrypt(&XNonce::from(nonce), payload).ok()?;
    Some(Zeroizing::new(decrypted))
}

/// What a data key is authenticated with.
fn key_context(place: Place<'_>, row: &Row) -> Vec<u8> {
    context(&[
        FOR_KEY,
        &[VERSION],
        place.tenant.as_str().as_bytes(),
        place.name.as_bytes(),
        row.header.r#type.as_bytes(),
        row.header.data_key.as_bytes(),
        row.key.as_str().as_bytes(),
    ])
}

/// What fields are authenticated with. The header says type, binding, data key and times.
fn fields_context(place: Place<'_>, header: &[u8]) -> Vec<u8> {
    context(&[
        FOR_FIELDS,
        &[VERSION],
        place.tenant.as_str().as_bytes(),
        place.name.as_bytes(),
        header,
    ])
}

/// Parts with their lengths, so that no two lists of parts are the same bytes.
fn context(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(*part);
    }
    bytes
}

#[cfg(test)]
mod tests;
