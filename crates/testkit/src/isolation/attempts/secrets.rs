//! Secrets and the environment: to read, list, guess.

use jackfield_definition::{Catalog, SecretGrant};
use jackfield_engine::StartOptions;
use jackfield_plugin_api::Version;
use jackfield_tenancy::CredentialUse;
use jackfield_types::{NodeTypeId, Transport};
use serde_json::json;

use super::{Attempt, attempt};
use crate::isolation::probes::{ECHO, SECRET};
use crate::isolation::scene::{OWNED_NAME, OWNED_SECRET, OWNED_SECRET_VALUE, SHARED_SECRET};
use crate::isolation::stage::{Actor, Outcome, Stage, document, node, plan};

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt!(
        "read a secret",
        [
            "Tenant::secret",
            "SecretSource::secret",
            "TenantEngine::tenant"
        ],
        read
    ),
    attempt!(
        "list secrets",
        ["Tenant::secret_names", "SecretSource::names"],
        names
    ),
    attempt!(
        "find a secret in the catalog",
        [
            "TenantEngine::catalog",
            "TenantCatalog::secret",
            "TenantCatalog::secret_names"
        ],
        catalog
    ),
    attempt!(
        "read a secret in an expression",
        ["TenantEngine::plan", "TenantEngine::run"],
        expression
    ),
    attempt!(
        "read a credential",
        [
            "Tenant::credential",
            "Tenant::placed_credential",
            "SecretSource::credential",
            "SecretSource::find",
            "SecretSource::refresh",
            "Tenant::refresh_secrets"
        ],
        credential
    ),
    attempt!(
        "learn what is masked",
        ["Tenant::secret_texts", "SecretSource::texts"],
        texts
    ),
    attempt!("read a secret in a node", ["TenantEngine::run"], in_node),
    attempt!(
        "be told of a secret by a hint",
        ["TenantEngine::plan"],
        hint
    ),
    attempt!(
        "tell a secret of others from none",
        ["TenantEngine::plan", "Tenant::secret"],
        tell_apart
    ),
    attempt!(
        "guess a secret and see it masked",
        ["TenantEngine::run"],
        oracle
    ),
    attempt!(
        "read the environment",
        ["Tenant::may_read_environment", "TenantEngine::run"],
        environment
    ),
];

async fn read(stage: &Stage) -> Outcome {
    let tenant = stage.actor.tenant();
    for name in [OWNED_SECRET, SHARED_SECRET] {
        match tenant.secret(name) {
            Ok(secret) => stage.hear("secret", secret.expose()),
            Err(error) => stage.hear_but("error", &format!("{error} {error:?}"), &[name]),
        }
    }
    Ok(())
}

async fn names(stage: &Stage) -> Outcome {
    stage.hear_debug("names", &stage.actor.tenant().secret_names());
    Ok(())
}

async fn catalog(stage: &Stage) -> Outcome {
    let catalog = stage.actor.catalog();
    stage.hear_debug("names", &catalog.secret_names());
    let is_granted = matches!(catalog.secret(OWNED_SECRET), SecretGrant::Granted);
    stage.leak_if(is_granted, "the secret is granted");
    Ok(())
}

async fn credential(stage: &Stage) -> Outcome {
    let tenant = stage.actor.tenant();
    if let Some(refresh) = tenant.refresh_secrets() {
        refresh.await;
    }
    let node_type = NodeTypeId::parse(SECRET)?;
    let wanted = CredentialUse {
        node_type: &node_type,
        version: &Version::new(1, 0, 0),
        transport: Transport::Https,
        host: "localhost",
        port: 80,
    };
    for name in [OWNED_SECRET, SHARED_SECRET] {
        match tenant.credential(name, &wanted) {
            Ok(found) => stage.hear_debug("credential", &found.expose()),
            Err(error) => stage.hear_but("error", &format!("{error} {error:?}"), &[name]),
        }
        let user = (&node_type, wanted.version);
        match tenant.placed_credential(name, user, &|_| ("localhost".to_owned(), 80)) {
            Ok((found, _)) => stage.hear_debug("credential", &found.expose()),
            Err(error) => stage.hear_but("error", &format!("{error} {error:?}"), &[name]),
        }
    }
    Ok(())
}

async fn texts(stage: &Stage) -> Outcome {
    for name in [OWNED_SECRET, SHARED_SECRET] {
        for text in stage.actor.tenant().secret_texts(name) {
            stage.hear("text", text.expose());
        }
    }
    Ok(())
}

async fn expression(stage: &Stage) -> Outcome {
    for name in [OWNED_SECRET, SHARED_SECRET] {
        let parameters = json!({ "value": format!("{{{{ $secrets.{name} }}}}") });
        stage.errand(ECHO, parameters, &[name]).await?;
    }
    Ok(())
}

async fn in_node(stage: &Stage) -> Outcome {
    // Once the owner has read its own, so that whatever is kept of it is there.
    stage.own(SECRET, json!({ "name": SHARED_SECRET })).await?;
    if stage.role == Actor::Intruder {
        stage.probes.take_seen(stage.owner.id());
    }
    for name in [OWNED_SECRET, SHARED_SECRET] {
        stage
            .errand(SECRET, json!({ "name": name }), &[name])
            .await?;
    }
    Ok(())
}

async fn hint(stage: &Stage) -> Outcome {
    let near = &OWNED_SECRET[..OWNED_SECRET.len() - 1];
    let nodes = [node(
        "step",
        ECHO,
        json!({ "value": format!("{{{{ $secrets.{near} }}}}") }),
    )];
    let findings = plan(&stage.actor, &document("errand", &nodes, json!({})))?.err();
    let told = findings
        .map(|findings| format!("{findings} {findings:?}"))
        .unwrap_or_default();
    stage.leak_if(told.contains(OWNED_SECRET), "a hint names the secret");
    Ok(())
}

/// The name that nobody has is as far from those that the actor has, as hints go.
async fn tell_apart(stage: &Stage) -> Outcome {
    let mut answers = Vec::new();
    for name in [OWNED_SECRET, "LEAKS_OWNEX_SECRET"] {
        let nodes = [node(
            "step",
            ECHO,
            json!({ "value": format!("{{{{ $secrets.{name} }}}}") }),
        )];
        let planned = plan(&stage.actor, &document("errand", &nodes, json!({})))?;
        let planned = planned.err().map(|findings| findings.to_string());
        let read = stage.actor.tenant().secret(name);
        let read = read.err().map(|error| format!("{error} {error:?}"));
        let plain = |text: Option<String>| text.map(|text| text.replace(name, "…"));
        answers.push((plain(planned), plain(read)));
    }
    stage.leak_if(
        answers[0] != answers[1],
        format_args!("a secret of others is told from none: {answers:?}"),
    );
    Ok(())
}

/// What an execution has read is masked in it. What others have read must not be, or it could be
/// guessed.
async fn oracle(stage: &Stage) -> Outcome {
    stage.own(SECRET, json!({ "name": OWNED_SECRET })).await?;
    let guess = node("guess", ECHO, json!({ "guess": OWNED_SECRET_VALUE }));
    let errand = match stage.role {
        Actor::Owner => {
            let read = node("read", SECRET, json!({ "name": OWNED_SECRET }));
            let connections = json!({ "read": { "main": [[{ "node": "guess" }]] } });
            document("errand", &[read, guess], connections)
        }
        Actor::Intruder => document("errand", &[guess], json!({})),
    };
    let errand = plan(&stage.actor, &errand)??;
    let report = stage.actor.run(&errand, StartOptions::default()).await?;
    let is_shown = serde_json::to_string(&report)?.contains(OWNED_SECRET_VALUE);
    stage.leak_if(
        !is_shown,
        "what is guessed is masked, and so known to be right",
    );
    Ok(())
}

async fn environment(stage: &Stage) -> Outcome {
    let may_read = stage.actor.tenant().may_read_environment(OWNED_NAME);
    stage.leak_if(may_read, "the owner's name of the environment may be read");
    let parameters = json!({ "value": format!("{{{{ $env.{OWNED_NAME} }}}}") });
    stage
        .errand(ECHO, parameters, &[OWNED_NAME])
        .await
        .map(drop)
}
