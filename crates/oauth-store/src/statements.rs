//! The SQL, once for both databases. They differ in the type of bytes, in how texts are ordered, and in
//! whose clock ends a lease: PostgreSQL's own, or boot time that is handed in (`$6`).

/// What is run. `settled` is what has ended: the intent of the last lease (32 digits, or as many dashes), and
/// after it those of the last four puts, the newest first. Every statement stands alone: none needs a transaction around it.
#[derive(Debug)]
pub struct Statements {
    /// What makes the tables of the first version.
    pub create: [&'static str; 2],
    /// Facts about the store: name, value.
    pub read_facts: &'static str,
    /// `$1` name, `$2` value.
    pub write_fact: &'static str,
    /// `$1` name, `$2` former value, `$3` value: name.
    pub change_fact: &'static str,
    /// `$1` namespace, `$2` id: version, sealed, journal.
    pub load: &'static str,
    /// A record that was never written. `$3` intent, `$4` span, `$5` boot, `$6` now: fence, version,
    /// sealed, journal, abandoned.
    pub lease_new: &'static str,
    /// A record of a version. As above; the version is `$7` for a clock that is handed in, else `$6`.
    pub lease: &'static str,
    /// Where the clock was set back under a lease: it ends after its span from now on. `$1` namespace, `$2`
    /// id: version. `None`: this clock is never set back.
    pub shorten: Option<&'static str>,
    /// `$3` fence, `$4` intent, `$5` version, `$6` sealed: version.
    pub commit: &'static str,
    /// As `commit`, and the journal stays.
    pub note: &'static str,
    /// `$3` fence, `$4` intent: version.
    pub release: &'static str,
    /// Why a commit took no effect: version, sealed, journal, fence, settled.
    pub look: &'static str,
    /// `$3` version, `$4` fence, `$5` line, `$6` the line's intent: version.
    pub append: &'static str,
    /// `$3` former version, `$4` sealed, `$5` intent: version.
    pub put: &'static str,
    /// `$3` former version, `$4` sealed: version.
    pub delete: &'static str,
    /// `$1` namespace, `$2` prefix: id, sealed.
    pub list: &'static str,
    /// `$1` namespace, `$2` id, after which the page begins, `$3` its length: namespace, id, version,
    /// sealed, journal.
    pub page: &'static str,
    /// `$3` version, `$4` former sealed, `$5` former journal, `$6` sealed, `$7` journal: version.
    pub reseal: &'static str,
}

/// What a lease changes. The one who asks again with the same intent is the one who has it.
macro_rules! lease {
    ($now:literal) => {
        concat!(
            "fence = oauth_record.fence + 1, intent = $3, abandoned = CASE WHEN oauth_record.intent IS NULL THEN 0 \
             WHEN oauth_record.intent = $3 THEN oauth_record.abandoned ELSE 1 END, lease_until = ",
            $now,
            " + $4, lease_span = $4, lease_boot = $5"
        )
    };
}

/// Whether a record can be leased: nobody has it, or a reboot or its end has ended that; `$over` adds what
/// else ends it. A boot that is not known is the same one.
macro_rules! free {
    ($now:literal, $over:literal) => {
        concat!(
            "(oauth_record.intent IS NULL OR oauth_record.intent = $3 OR (oauth_record.lease_boot <> $5 AND oauth_record.lease_boot <> '' AND $5 <> '') OR oauth_record.lease_until <= ",
            $now,
            $over,
            ")"
        )
    };
}

/// What ends a lease: it is the last that was settled, before the logins that were.
macro_rules! settle {
    ($what:literal, $where:literal) => {
        concat!(
            "UPDATE oauth_record SET ",
            $what,
            "settled = intent || substr(coalesce(settled, ''), 33), intent = NULL, lease_until = 0 \
             WHERE namespace = $1 AND id = $2 AND fence = $3 AND intent = $4",
            $where,
            " RETURNING version"
        )
    };
}

macro_rules! statements {
    (
        bytes: $bytes:literal,
        text: $text:literal,
        now: $now:literal,
        over: $over:literal,
        shorten: $shorten:expr,
        leased_version: $version:literal
    ) => {
        Statements {
            create: [
                concat!(
                    "CREATE TABLE oauth_store (name ",
                    $text,
                    " NOT NULL PRIMARY KEY, value ",
                    $text,
                    " NOT NULL)"
                ),
                concat!(
                    "CREATE TABLE oauth_record (namespace ",
                    $text,
                    " NOT NULL, id ",
                    $text,
                    " NOT NULL, version BIGINT NOT NULL, sealed ",
                    $bytes,
                    ", fence BIGINT NOT NULL, intent TEXT, settled TEXT, abandoned BIGINT NOT NULL, \
                     lease_until BIGINT NOT NULL, lease_span BIGINT NOT NULL, lease_boot TEXT NOT NULL, \
                     journal TEXT NOT NULL, PRIMARY KEY (namespace, id))"
                ),
            ],
            read_facts: "SELECT name, value FROM oauth_store ORDER BY name",
            write_fact: "INSERT INTO oauth_store (name, value) VALUES ($1, $2)",
            change_fact: "UPDATE oauth_store SET value = $3 WHERE name = $1 AND value = $2 RETURNING name",
            load: "SELECT version, sealed, journal FROM oauth_record WHERE namespace = $1 AND id = $2",
            lease_new: concat!(
                "INSERT INTO oauth_record (namespace, id, version, fence, intent, abandoned, \
                 lease_until, lease_span, lease_boot, journal) \
                 VALUES ($1, $2, 0, 1, $3, 0, ",
                $now,
                " + $4, $4, $5, '') \
                 ON CONFLICT (namespace, id) DO UPDATE SET ",
                lease!($now),
                " WHERE oauth_record.version = 0 AND ",
                free!($now, $over),
                " RETURNING fence, version, sealed, journal, abandoned"
            ),
            lease: concat!(
                "UPDATE oauth_record SET ",
                lease!($now),
                " WHERE namespace = $1 AND id = $2 AND version = ",
                $version,
                " AND ",
                free!($now, $over),
                " RETURNING fence, version, sealed, journal, abandoned"
            ),
            shorten: $shorten,
            commit: settle!(
                "version = version + 1, sealed = $6, journal = '', ",
                " AND version = $5"
            ),
            note: settle!("version = version + 1, sealed = $6, ", " AND version = $5"),
            release: settle!("", ""),
            look: "SELECT version, sealed, journal, fence, settled FROM oauth_record \
                   WHERE namespace = $1 AND id = $2",
            append: "UPDATE oauth_record SET journal = journal || $5 \
                     WHERE namespace = $1 AND id = $2 AND version = $3 AND fence = $4 \
                     AND journal NOT LIKE '%' || $6 || '%' RETURNING version",
            put: "INSERT INTO oauth_record (namespace, id, version, sealed, fence, abandoned, \
                  lease_until, lease_span, lease_boot, journal, settled) \
                  VALUES ($1, $2, $3 + 1, $4, 1, 0, 0, 0, '', '', \
                  '--------------------------------' || $5) \
                  ON CONFLICT (namespace, id) DO UPDATE SET version = oauth_record.version + 1, sealed = $4, \
                  settled = substr(coalesce(oauth_record.settled, '--------------------------------'), 1, 32) \
                  || $5 || substr(coalesce(oauth_record.settled, ''), 33, 96), \
                  fence = oauth_record.fence + 1, intent = NULL, lease_until = 0, journal = '' \
                  WHERE oauth_record.version = $3 RETURNING version",
            delete: "UPDATE oauth_record SET version = version + 1, sealed = $4, fence = fence + 1, \
                     intent = NULL, lease_until = 0, journal = '' \
                     WHERE namespace = $1 AND id = $2 AND version = $3 RETURNING version",
            list: "SELECT id, sealed FROM oauth_record WHERE namespace = $1 AND id >= $2 \
                   AND substr(id, 1, length($2)) = $2 AND version > 0 ORDER BY id",
            page: "SELECT namespace, id, version, sealed, journal FROM oauth_record \
                   WHERE (namespace, id) > ($1, $2) ORDER BY namespace, id LIMIT $3",
            reseal: "UPDATE oauth_record SET sealed = $6, journal = $7 \
                     WHERE namespace = $1 AND id = $2 AND version = $3 \
                     AND sealed IS NOT DISTINCT FROM $4 AND journal = $5 RETURNING version",
        }
    };
}

/// SQLite's. Boot time is never set back, and a lease that seems to last longer than its span is of a boot
/// before. But the clock was read before the statement waited for its turn, and somebody may have leased the
/// record meanwhile: only five minutes, which no statement waits, are another boot.
pub static SQLITE: Statements = statements!(
    bytes: "BLOB",
    text: "TEXT",
    now: "$6",
    over: " OR oauth_record.lease_until > $6 + oauth_record.lease_span + 300000",
    shorten: None,
    leased_version: "$7"
);

/// PostgreSQL's. Its clock may be set back while somebody holds a lease, which is none the shorter for it. The
/// clock is read for each row, so that a statement that waited for its turn judges by the present.
pub static POSTGRES: Statements = statements!(
    bytes: "BYTEA",
    text: "TEXT COLLATE \"C\"",
    now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    over: "",
    shorten: Some(
        "UPDATE oauth_record SET lease_until = \
         CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + lease_span \
         WHERE namespace = $1 AND id = $2 AND intent IS NOT NULL AND lease_until > \
         CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + lease_span \
         RETURNING version",
    ),
    leased_version: "$6"
);
