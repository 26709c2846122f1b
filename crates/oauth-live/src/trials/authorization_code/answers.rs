//! What comes back, and what is made of it.

use oauth_contract::{Outcome, Suite};
use oauth_core::authorize::PendingAuthorization;
use oauth_core::error::{BindingFault, ErrorKind, Recovery};

use crate::expect::{self, equal, oauth};
use crate::registration::ITEMS;
use crate::registration::users::{
    CONFUSED, DENIED, GREEDY, INJECTED, MIXED_UP, SPENT_TWICE, UNSEEN,
};
use crate::user::{Program, asking, changed, parameter};

pub(super) fn trials(suite: Suite) -> Suite {
    suite
        .trial(
            "the_answer_to_another_request_is_refused_by_its_state",
            another_state,
        )
        .trial(
            "an_answer_without_its_issuer_or_with_another_is_refused",
            another_issuer,
        )
        .trial("a_user_who_declines_is_access_denied", denied)
        .trial(
            "a_user_who_is_not_logged_in_and_must_see_nothing_is_login_required",
            unseen,
        )
        .trial(
            "a_code_that_comes_twice_is_refused_and_ends_its_tokens",
            spent_twice,
        )
        .trial(
            "a_code_of_another_request_is_refused_by_its_verifier",
            injected,
        )
        .trial("a_scope_that_is_not_the_clients_is_invalid_scope", greedy)
}

const STATE: ErrorKind = ErrorKind::Binding(BindingFault::State);
const ISSUER: ErrorKind = ErrorKind::Binding(BindingFault::Issuer);

/// Two logins of one user, whose answers are mixed up.
async fn another_state() -> Outcome {
    let program = Program::new(&MIXED_UP)?;
    let (first, to_first) = program.answered(&asking(ITEMS)?).await?;
    let (_, to_second) = program.answered(&asking(ITEMS)?).await?;
    let kept = first.into_secret_form()?;
    let pending = PendingAuthorization::from_secret_form(&kept)?;
    let mixed_up = program.judged(pending, &to_second).await;
    expect::error("the other answer", mixed_up, STATE, Recovery::LogInAgain)?;
    // its own may still come
    let pending = PendingAuthorization::from_secret_form(&kept)?;
    let code = program.judged(pending, &to_first).await?;
    program.oauth.redeem(code).await?;
    Ok(())
}

async fn another_issuer() -> Outcome {
    let program = Program::new(&CONFUSED)?;
    let issuer = program.world.issuer();
    for (iss, is_taken) in [
        (None, false),
        (Some("https://another.example"), false),
        (Some(issuer), true),
    ] {
        let (pending, came) = program.answered(&asking(ITEMS)?).await?;
        equal(
            "the issuer",
            Some(issuer),
            parameter(&came, "iss").as_deref(),
        )?;
        let judged = program.judged(pending, &changed(&came, "iss", iss)).await;
        match is_taken {
            true => drop(judged?),
            false => drop(expect::error(
                "the answer",
                judged,
                ISSUER,
                Recovery::Report,
            )?),
        }
    }
    Ok(())
}

async fn denied() -> Outcome {
    let program = Program::new(&DENIED)?;
    let request = asking(ITEMS)?.login_hint("nobody");
    let (pending, came) = program.answered(&request).await?;
    let judged = program.judged(pending, &came).await;
    oauth("the answer", judged, "access_denied", Recovery::LogInAgain)
}

async fn unseen() -> Outcome {
    let program = Program::new(&UNSEEN)?;
    let request = asking(ITEMS)?.prompt("none");
    let (pending, came) = program.answered(&request).await?;
    let judged = program.judged(pending, &came).await;
    oauth("the answer", judged, "login_required", Recovery::LogInAgain)
}

/// Two processes get hold of one answer. Within one, the second is not even sent.
async fn spent_twice() -> Outcome {
    let (one, other) = (Program::new(&SPENT_TWICE)?, Program::new(&SPENT_TWICE)?);
    let (pending, came) = one.answered(&asking(ITEMS)?).await?;
    let kept = pending.into_secret_form()?;
    let pending = || PendingAuthorization::from_secret_form(&kept);
    let code = one.judged(pending()?, &came).await?;
    let tokens = one.oauth.redeem(code).await?.tokens;
    equal(
        "the token lives",
        true,
        one.is_active(&tokens.access_token).await?,
    )?;

    let again = one.judged(pending()?, &came).await;
    expect::error("the same answer", again, STATE, Recovery::LogInAgain)?;
    let code = other.judged(pending()?, &came).await?;
    let redeemed = other.oauth.redeem(code).await;
    oauth(
        "the same code",
        redeemed,
        "invalid_grant",
        Recovery::LogInAgain,
    )?;
    // nobody knows which of the two was the thief (RFC 6749 4.1.2)
    equal(
        "the token lives",
        false,
        one.is_active(&tokens.access_token).await?,
    )
}

/// Somebody else's code is put into the user's answer, whose `state` is right (RFC 9700 4.5).
async fn injected() -> Outcome {
    let program = Program::new(&INJECTED)?;
    let (_, of_another) = program
        .answered(&asking(ITEMS)?.login_hint("another"))
        .await?;
    let (pending, came) = program.answered(&asking(ITEMS)?).await?;
    let stolen = parameter(&of_another, "code");
    let judged = program
        .judged(pending, &changed(&came, "code", stolen.as_deref()))
        .await;
    let redeemed = program.oauth.redeem(judged?).await;
    oauth("the code", redeemed, "invalid_grant", Recovery::LogInAgain)
}

async fn greedy() -> Outcome {
    let program = Program::new(&GREEDY)?;
    let (pending, came) = program.answered(&asking("system/Patient.rs")?).await?;
    let judged = program.judged(pending, &came).await;
    oauth("the answer", judged, "invalid_scope", Recovery::FixConfig)
}
