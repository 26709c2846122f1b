//! A login on another device (RFC 8628). Nobody waits: the clock goes on at each pause between two polls,
//! and somebody does something at one of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::clock::{Clock, ManualClock};
use oauth_core::dpop::Dpop;
use oauth_core::env::Env;
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::oauth_client::{
    DeviceAuthorization, DeviceAuthorizationRequest, OAuthClient, TokenResponse,
};
use oauth_core::token::TokenType;

use crate::browser::Browser;
use crate::expect::{self, equal, oauth, some, that};
use crate::registration::users::{
    DEVICE, DEVICE_DENIED, DEVICE_EXPIRED, DEVICE_IDLE, DEVICE_PROVING, DEVICE_SPENT,
};
use crate::registration::{Client, ITEMS};
use crate::user::{Program, parameter, parsed};
use crate::world::{World, clock};

pub(super) fn suite() -> Suite {
    Suite::own("live/oidc-provider/device")
        .trial(
            "a_user_who_agrees_while_it_polls_brings_a_token_that_the_api_takes",
            agrees,
        )
        .trial("a_user_who_declines_is_access_denied", declines)
        .trial("a_user_who_does_nothing_ends_it_when_the_codes_do", idle)
        .trial("codes_that_the_server_has_ended_are_expired_token", expired)
        .trial("codes_that_were_spent_are_refused", spent)
        .trial("dpop_with_the_servers_nonce_binds_the_token", proves)
}

/// What a user does with the codes.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Agrees,
    Declines,
    /// Nothing; the server ends the codes.
    Expires,
}

/// At which pause: the polls before it are answered that nothing was decided.
const PAUSE: usize = 3;

/// A manual clock at one of whose pauses somebody acts.
#[derive(Debug)]
struct Pauses {
    clock: Arc<ManualClock>,
    taken: AtomicUsize,
    what: Arc<What>,
}

/// What is going to be done, and what came of it.
#[derive(Debug, Default)]
struct What {
    next: Mutex<Option<(Deed, DeviceAuthorization)>>,
    failed: Mutex<Option<Failure>>,
}

impl Clock for Pauses {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn ticks(&self) -> Duration {
        self.clock.ticks()
    }

    fn boot(&self) -> Option<u64> {
        self.clock.boot()
    }

    fn sleep(&self, span: Duration) -> Later {
        let sleep = self.clock.sleep(span);
        if self.taken.fetch_add(1, Ordering::Relaxed) + 1 != PAUSE {
            return sleep;
        }
        let what = self.what.clone();
        Box::pin(async move {
            let next = lock(&what.next).take();
            if let Some((deed, codes)) = next
                && let Err(failure) = deed.done(&codes).await
            {
                lock(&what.failed).replace(failure);
            }
            sleep.await;
        })
    }

    fn reach(&self, tick: Duration) -> Later {
        self.clock.reach(tick)
    }
}

type Later = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deed {
    /// As somebody does it in a browser, who reads the code from the device.
    async fn done(self, codes: &DeviceAuthorization) -> Outcome {
        let world = World::here()?;
        let code = codes.user_code.expose();
        let decision = match self {
            Self::Agrees => "confirm",
            Self::Declines => "abort",
            Self::Expires => return world.end_device_code(code).await,
        };
        let mut browser = Browser::new(world.http()?);
        let mut page = browser.open(&codes.verification_uri).await?.page()?;
        for (wanted, more) in [("input", None), ("confirm", Some((decision, "yes")))] {
            let shown = page.json();
            equal("the page", Some(wanted), shown["page"].as_str())?;
            let xsrf = some("the form", shown["xsrf"].as_str())?;
            let form = [("xsrf", xsrf), ("user_code", code)].into_iter();
            let form: Vec<_> = form.chain(more).collect();
            page = browser.submit(&page, &form).await?.page()?;
        }
        match self {
            Self::Agrees => equal(
                "the last page",
                Some("success"),
                page.json()["page"].as_str(),
            ),
            _ => Ok(()),
        }
    }
}

/// A device, and somebody who will act.
struct Device {
    program: Program,
    clock: Arc<ManualClock>,
    what: Arc<What>,
}

impl Device {
    fn new(client: &Client, dpop: Option<Dpop>) -> Result<Self, Failure> {
        let world = World::here()?;
        let (clock, what) = (clock(), Arc::<What>::default());
        let pauses = Pauses {
            clock: clock.clone(),
            taken: AtomicUsize::new(0),
            what: what.clone(),
        };
        let builder = Env::builder(world.settings()).clock(Arc::new(pauses));
        let env = builder.strict_permissions().build()?;
        let mut server = world.server(&env)?.with_device_grant();
        if let Some(dpop) = dpop {
            server = server.with_dpop(dpop);
        }
        let oauth = OAuthClient::new(&env, server, world.client_auth(&env, client)?)?;
        let program = Program { world, env, oauth };
        Ok(Self {
            program,
            clock,
            what,
        })
    }

    /// Asks for codes, which are shown.
    async fn codes(&self) -> Result<DeviceAuthorization, Failure> {
        let request = DeviceAuthorizationRequest {
            scopes: parsed(ITEMS)?,
            ..DeviceAuthorizationRequest::default()
        };
        let codes = self.program.oauth.device_authorization(request).await?;
        let complete = some(
            "where the code is entered",
            codes.verification_uri_complete.as_ref(),
        )?;
        let entered = parameter(complete, "user_code");
        that(entered.as_deref() == Some(codes.user_code.expose()), || {
            "another code".into()
        })?;
        Ok(codes)
    }

    /// Polls while somebody does that.
    async fn polled(
        &self,
        codes: &DeviceAuthorization,
        deed: Option<Deed>,
    ) -> Result<Result<TokenResponse, Error>, Failure> {
        *lock(&self.what.next) = deed.map(|deed| (deed, codes.clone()));
        let polled = self.program.oauth.device_token(codes).await;
        match lock(&self.what.failed).take() {
            Some(failure) => Err(failure.when("what somebody did")),
            None => Ok(polled),
        }
    }

    /// How often it has paused: each time before a poll.
    fn polls(&self) -> usize {
        self.clock.slept().len()
    }
}

async fn agrees() -> Outcome {
    let device = Device::new(&DEVICE, None)?;
    let codes = device.codes().await?;
    let tokens = device.polled(&codes, Some(Deed::Agrees)).await??;
    equal("polls", PAUSE, device.polls())?;
    let pauses = device.clock.slept();
    equal("the pauses", vec![codes.interval; PAUSE], pauses)?;
    equal("the refresh token", true, tokens.refresh_token.is_some())?;
    equal("the API's answer", 200, device.program.item(tokens).await?)
}

async fn declines() -> Outcome {
    let device = Device::new(&DEVICE_DENIED, None)?;
    let codes = device.codes().await?;
    let polled = device.polled(&codes, Some(Deed::Declines)).await?;
    oauth("the poll", polled, "access_denied", Recovery::LogInAgain)?;
    equal("polls", PAUSE, device.polls())
}

async fn idle() -> Outcome {
    let device = Device::new(&DEVICE_IDLE, None)?;
    let codes = device.codes().await?;
    let polled = device.polled(&codes, None).await?;
    let (kind, recovery) = (ErrorKind::LoggedOut, Recovery::LogInAgain);
    expect::error("the last poll", polled, kind, recovery)?;
    let waited: Duration = device.clock.slept().iter().sum();
    that(
        waited < codes.expires_in && waited + 2 * codes.interval > codes.expires_in,
        || format!("it waited {waited:?} of {:?}", codes.expires_in),
    )
}

async fn expired() -> Outcome {
    let device = Device::new(&DEVICE_EXPIRED, None)?;
    let codes = device.codes().await?;
    let polled = device.polled(&codes, Some(Deed::Expires)).await?;
    oauth("the poll", polled, "expired_token", Recovery::LogInAgain)?;
    equal("polls", PAUSE, device.polls())
}

async fn spent() -> Outcome {
    let device = Device::new(&DEVICE_SPENT, None)?;
    let codes = device.codes().await?;
    device.polled(&codes, Some(Deed::Agrees)).await??;
    let again = device.polled(&codes, None).await?;
    oauth(
        "the same codes",
        again,
        "invalid_grant",
        Recovery::LogInAgain,
    )
}

async fn proves() -> Outcome {
    let device = Device::new(&DEVICE_PROVING, Some(Dpop::new()))?;
    let codes = device.codes().await?;
    let tokens = device.polled(&codes, Some(Deed::Agrees)).await??;
    equal("how it is borne", TokenType::Dpop, tokens.token_type)
}
