use jackfield_store_api::StoreError;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::error::Place;
use crate::options::PostgresOptions;

/// The schema if nothing is said.
const SCHEMA: &str = "jackfield";
/// The most bytes that PostgreSQL takes of a name.
const NAME_BYTES: usize = 63;
/// What a URL may say beside the host and the database.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Where a store is, and how to get there.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) options: PgConnectOptions,
    pub(crate) schema: String,
    pub(crate) place: Place,
}

impl Address {
    /// Reads what was configured. No message says what is in the URL: it may be a password.
    pub(crate) fn parse(options: &PostgresOptions) -> Result<Self, StoreError> {
        let mut url = Url::parse(&options.url)
            .map_err(|error| refused(format!("the URL of the store cannot be read: {error}")))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(refused(format!(
                "a store with the scheme `{}` is none of PostgreSQL's; write `postgres://…`",
                url.scheme()
            )));
        }
        let mut schema = None;
        let mut parameters = Vec::new();
        for (name, value) in url.query_pairs() {
            if name == "schema" {
                schema = Some(value.into_owned());
            } else if PARAMETERS.contains(&&*name) || name.starts_with("options[") {
                parameters.push((name.into_owned(), value.into_owned()));
            } else {
                return Err(refused(format!(
                    "the URL of the store has the parameter `{name}`, which is not known; known \
                     are `schema`, `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `host`, `port`, \
                     `dbname`, `user`, `password`, `application_name` and `options`"
                )));
            }
        }
        url.set_query(None);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let schema = options.schema.clone().or(schema);
        let schema = schema.unwrap_or_else(|| SCHEMA.to_owned());
        check_schema(&schema)?;
        let connect = PgConnectOptions::from_url(&url).map_err(|_| {
            refused(
                "the URL of the store has a part that cannot be read; characters such as `@`, `:` \
                 and `/` in a user or password are written as `%40`, `%3A` and `%2F`, and \
                 `sslmode` and `port` have fixed forms"
                    .to_owned(),
            )
        })?;
        let connect = match connect.get_application_name() {
            Some(_) => connect,
            None => connect.application_name("jackfield"),
        };
        let place = Place::new(&describe(&connect, &schema));
        Ok(Self {
            options: connect.disable_statement_logging(),
            schema,
            place,
        })
    }
}

fn describe(options: &PgConnectOptions, schema: &str) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    format!(
        "postgres://{host}:{}/{}?schema={schema}",
        options.get_port(),
        options.get_database().unwrap_or_default()
    )
}

fn check_schema(schema: &str) -> Result<(), StoreError> {
    let is_plain = schema
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let begins_well = schema
        .bytes()
        .next()
        .is_some_and(|byte| !byte.is_ascii_digit());
    let is_theirs = schema.starts_with("pg_") || schema == "information_schema";
    if is_plain && begins_well && !is_theirs && schema.len() <= NAME_BYTES {
        return Ok(());
    }
    Err(refused(format!(
        "the store cannot have the schema `{schema}`: it is written with a-z, 0-9 and `_`, begins \
         with no digit and not with `pg_`, and has at most {NAME_BYTES} characters"
    )))
}

fn refused(reason: String) -> StoreError {
    StoreError::Refused { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, StoreError> {
        Address::parse(&PostgresOptions::new(url))
    }

    #[test]
    fn url_says_where_and_in_which_schema() {
        let address = parse("postgres://ada:s3cret@db.example:6000/prod?schema=flows").unwrap();
        assert_eq!(address.schema, "flows");
        assert_eq!(
            &*address.place.0,
            "postgres://db.example:6000/prod?schema=flows"
        );
        let options = PostgresOptions::new("postgresql://db.example/prod?schema=a").schema("b");
        assert_eq!(Address::parse(&options).unwrap().schema, "b");
        assert_eq!(
            parse("postgres://db.example/prod").unwrap().schema,
            "jackfield"
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_its_password() {
        for url in [
            "s3cret",
            "mysql://ada:s3cret@host/db",
            "postgres://ada:s3cret@host:99999/db",
            "postgres://ada:s3cret@host/db?sslmode=s3cret",
            "postgres://ada@host/db?passwrod=s3cret",
            "postgres://ada:s3cret@host/db?port=s3cret",
            "postgres://ada:s3cret@host/db?schema=pg_catalog",
            "postgres://ada:s3cret@host/db?schema=A%22b",
            "postgres://ada:s3cret@host/db?schema=",
        ] {
            let Err(error) = parse(url) else {
                panic!("{url} is taken");
            };
            assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn options_never_show_the_url() {
        let options = PostgresOptions::new("postgres://ada:s3cret@host/db");
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
