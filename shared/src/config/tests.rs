//! Valid and invalid values of each variable.

use super::*;
use crate::aws::{AwsConfig, Endpoints};

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(|wanted| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn only_the_table_is_needed() {
    let config = read(&[("TABLE_NAME", "t"), ("CACHE_URL", "")]).unwrap();
    assert!(config.cache.is_none());
    assert_eq!(config.cache_deadline, Duration::from_millis(50));
    assert_eq!(config.policy.fill_wait, Duration::from_secs(1));
    assert_eq!(config.policy.max_seats_per_call, 10);
    assert_eq!((config.policy.shortest_reservation, config.policy.longest_reservation), (1, 1_800));
    assert!(!config.policy.has_authorizer && config.policy.logs_networks);
    assert!(!read(&[("TABLE_NAME", "t"), ("LOG_ADDRESSES", "none")]).unwrap().policy.logs_networks);
    assert_eq!(config.policy.max_reserved_per_caller, 20);
    assert_eq!(config.policy.administrators, Administrators::WithScope("boxoffice/admin".to_owned()));
    assert_eq!((config.policy.limits, config.policy.trusted_proxies), (RateLimits::default(), 0));
}

#[test]
fn the_base_path_is_v1_unless_it_is_set() {
    let base = |given: &[(&str, &str)]| {
        let variables = [&[("TABLE_NAME", "t")], given].concat();
        read(&variables).unwrap().policy.base_path.as_str().to_owned()
    };
    assert_eq!(base(&[]), "/v1");
    assert_eq!(base(&[("BASE_PATH", "")]), "/v1");
    assert_eq!(base(&[("BASE_PATH", "/")]), "");
    assert_eq!(base(&[("BASE_PATH", "/box/office-2")]), "/box/office-2");
}

#[test]
fn rate_limits_are_off_at_0_and_default_burst_is_a_quarter() {
    let limits = |variables: &[(&str, &str)]| {
        let given = [("TABLE_NAME", "t"), ("CACHE_URL", "redis://cache")].into_iter();
        read(&given.chain(variables.iter().copied()).collect::<Vec<_>>()).unwrap().policy.limits
    };
    assert_eq!(limits(&[("READS_PER_MINUTE", "0"), ("READS_BURST", "7")]), RateLimits::default());
    let both = limits(&[("READS_PER_MINUTE", "120"), ("WRITES_PER_MINUTE", "30"), ("WRITES_BURST", "30")]);
    assert_eq!(both, RateLimits { reads: RateLimit::new(120, 30), writes: RateLimit::new(30, 30) });
    let without_cache = read(&[("TABLE_NAME", "t"), ("READS_PER_MINUTE", "1")]).unwrap_err();
    assert_eq!(without_cache.variable, "READS_PER_MINUTE");
}

#[test]
fn invalid_variable_is_named_with_its_expected_value() {
    for (variable, value, expected) in [
        ("TABLE_NAME", "", "DynamoDB table"),
        ("CACHE_URL", "http://cache", "redis://"),
        ("CACHE_CLUSTER", "yes", "true or false"),
        ("TRUSTED_AUTHORITIES", "mozilla", "amazon or system"),
        ("LOG_ADDRESSES", "full", "network or none"),
        ("CACHE_CA_FILE", "/nowhere/at/all.pem", "can't be read"),
        ("CACHE_DEADLINE_MS", "0", "1 to 5000"),
        ("CACHE_DEADLINE_MS", "fast", "1 to 5000"),
        ("CACHE_FILL_WAIT_MS", "5001", "1 to 5000"),
        ("CACHE_KEY_PREFIX", "a{b", "without braces"),
        ("DYNAMODB_ATTEMPT_TIMEOUT_MS", "-1", "50 to 10000"),
        ("DYNAMODB_TOTAL_TIMEOUT_MS", "30000", "50 to 10000"),
        ("MAX_SEATS_PER_CALL", "50", "1 to 49"),
        ("MAX_RESERVATION_SECONDS", "0", "1 to 86400"),
        ("MIN_RESERVATION_SECONDS", "0", "1 to 1800"),
        ("MIN_RESERVATION_SECONDS", "1801", "1 to 1800"),
        ("AUTHORIZER", "1", "true or false"),
        ("MAX_RESERVED_PER_CALLER", "100", "0 to 99"),
        ("WARM_THEATERS", "1, no good", "at most 10 ids"),
        ("WARM_THEATERS", "1,2,3,4,5,6,7,8,9,10,11", "at most 10 ids"),
        ("ADMIN_SCOPE", "two words", "visible ASCII"),
        ("STAFF_SCOPE", "two words", "visible ASCII"),
        ("ADMIN_OPEN", "yes", "true or false"),
        ("READS_PER_MINUTE", "60001", "0 to 60000"),
        ("WRITES_PER_MINUTE", "-1", "0 to 60000"),
        ("TRUSTED_PROXIES", "11", "0 to 10"),
        ("BASE_PATH", "v1", "a path such as /v1"),
        ("BASE_PATH", "/v1/", "no slash at its end"),
        ("BASE_PATH", "//host", "a path such as /v1"),
        ("BASE_PATH", "/a b", "a path such as /v1"),
        ("BASE_PATH", "/a/../b", "a path such as /v1"),
    ] {
        let good = [("TABLE_NAME", "t"), ("CACHE_URL", "rediss://cache")];
        let mut variables = vec![(variable, value)];
        variables.extend(good.iter().filter(|(name, _)| *name != variable));
        let error = read(&variables).unwrap_err();
        assert_eq!(error.variable, variable);
        assert!(error.problem.contains(expected), "{error}");
    }
}

#[test]
fn cache_tls_trusts_amazon_by_default() {
    let ca = |variables: &[(&str, &str)]| {
        let given = [("TABLE_NAME", "t")].into_iter().chain(variables.iter().copied());
        read(&given.collect::<Vec<_>>()).unwrap().cache.unwrap().ca
    };
    let amazon = Authorities::Amazon.pem().into_owned();
    assert_eq!(ca(&[("CACHE_URL", "redis://cache")]), None);
    assert_eq!(ca(&[("CACHE_URL", "rediss://cache")]), Some(amazon));
    let system = Authorities::System.pem().into_owned();
    assert_eq!(ca(&[("CACHE_URL", "rediss://cache"), ("TRUSTED_AUTHORITIES", "system")]), Some(system));
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let file = std::fs::read(own).unwrap();
    assert_eq!(ca(&[("CACHE_URL", "rediss://cache"), ("CACHE_CA_FILE", own)]), Some(file));
}

#[test]
fn aws_config_is_read_and_missing_variables_are_named() {
    let read = |variables: &[(&str, &str)]| {
        let lookup =
            |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        AwsConfig::read(lookup)
    };
    let needed = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "eu-central-1")];
    let config = read(&needed).unwrap();
    assert_eq!((config.region.as_str(), config.endpoints), ("eu-central-1", Endpoints::default()));
    assert_eq!((config.use_fips, config.use_dual_stack, config.authorities), (false, false, Authorities::Amazon));
    for (variable, _) in needed {
        let others: Vec<_> = needed.into_iter().filter(|(name, _)| *name != variable).collect();
        assert_eq!(read(&others).unwrap_err().variable, variable);
    }
    let more = [
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://d"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ];
    let config = read(&[&needed[..], &more[..]].concat()).unwrap();
    assert_eq!((config.endpoints.dynamodb.as_deref(), config.use_fips), (Some("http://d"), true));
    assert_eq!(config.region, "eu-central-1", "AWS_REGION takes precedence");
}

#[test]
fn theaters_to_warm_up_for_are_separated_by_commas() {
    let warm = |value| read(&[("TABLE_NAME", "t"), ("WARM_THEATERS", value)]).unwrap().warm_theaters;
    let ids = |ids: &[&str]| ids.iter().map(|id| TheaterId::parse(id).unwrap()).collect::<Vec<_>>();
    assert_eq!(warm(""), []);
    assert_eq!(warm("opera, 2,"), ids(&["opera", "2"]));
}

#[test]
fn metrics_are_off_without_a_namespace() {
    let read = |variables: &'static [(&str, &str)]| {
        let lookup =
            |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Env(&lookup).metrics()
    };
    assert_eq!(read(&[("METRICS_SERVICE", "hall")]), Ok(None));
    let config = read(&[("METRICS_NAMESPACE", "boxoffice")]).unwrap().unwrap();
    assert_eq!((config.namespace.as_str(), config.service.as_str()), ("boxoffice", "boxoffice"));
    for namespace in ["AWS/Lambda", "two words", ""] {
        let read = Env(&|wanted: &str| (wanted == "METRICS_NAMESPACE").then(|| namespace.to_owned())).metrics();
        assert_eq!(read.is_err(), !namespace.is_empty(), "{namespace:?}");
    }
    let service = [("METRICS_NAMESPACE", "b"), ("METRICS_SERVICE", "two words")];
    let read = Env(&|wanted: &str| service.iter().find(|(name, _)| *name == wanted).map(|(_, v)| (*v).to_owned()));
    assert_eq!(read.metrics().unwrap_err().variable, "METRICS_SERVICE");
}

#[test]
fn burst_is_at_most_a_minutes_requests() {
    for wrong in ["0", "61", "all"] {
        let limited = [("TABLE_NAME", "t"), ("CACHE_URL", "redis://cache"), ("READS_PER_MINUTE", "60")];
        let error = read(&[&limited[..], &[("READS_BURST", wrong)]].concat()).unwrap_err();
        assert_eq!((error.variable, error.problem.contains("1 to 60")), ("READS_BURST", true), "{wrong}");
    }
}

#[test]
fn cache_iam_needs_user_cache_and_tls_and_no_password() {
    let read = |user, cache, url, serverless| {
        let variables = [("CACHE_IAM_USER", user), ("CACHE_IAM_CACHE", cache), ("CACHE_URL", url)];
        let others = [("TABLE_NAME", "t"), ("CACHE_IAM_SERVERLESS", serverless)];
        super::tests::read(&[&variables[..], &others[..]].concat()).map(|config| config.cache_iam)
    };
    let user = |serverless| IamUser::parse("app", "main", serverless).ok();
    assert_eq!(read("app", "Main", "rediss://cache:6379/0?a=@", "true"), Ok(user(true)));
    assert_eq!(read("app", "main", "rediss://cache", ""), Ok(user(false)));
    assert_eq!(read("", "", "redis://:hunter2@cache", "false"), Ok(None));
    for (user, cache, url, serverless, variable, expected) in [
        ("app", "", "rediss://cache", "", "CACHE_IAM_CACHE", "replication group"),
        ("", "main", "rediss://cache", "", "CACHE_IAM_USER", "is not set"),
        ("a b", "main", "rediss://cache", "", "CACHE_IAM_USER", "1 to 40 letters"),
        ("app", "main.cache", "rediss://cache", "", "CACHE_IAM_CACHE", "1 to 40 letters"),
        ("app", "main", "rediss://cache", "yes", "CACHE_IAM_SERVERLESS", "true or false"),
        ("app", "main", "redis://cache", "", "CACHE_URL", "rediss://"),
        ("app", "main", "", "", "CACHE_URL", "rediss://"),
        ("app", "main", "rediss://app@cache", "", "CACHE_URL", "without user and password"),
        ("app", "main", "rediss://:hunter2@cache/", "", "CACHE_URL", "without user and password"),
    ] {
        let error = read(user, cache, url, serverless).unwrap_err();
        assert_eq!(error.variable, variable, "{error}");
        assert!(error.problem.contains(expected) && !error.problem.contains("hunter2"), "{error}");
    }
}

#[test]
fn events_go_to_a_bus_or_to_a_file() {
    let read = |variables: &'static [(&str, &str)]| {
        EventsConfig::read(|wanted| variables.iter().find(|(name, _)| *name == wanted).map(|(_, v)| (*v).to_owned()))
    };
    assert_eq!(read(&[("EVENTS_FILE", "events")]), Ok(EventsConfig::File("events".to_owned())));
    assert_eq!(read(&[("EVENT_BUS_NAME", "bus")]).unwrap_err().variable, "EXPIRY_QUEUE_URL");
    assert_eq!(read(&[("EXPIRY_QUEUE_URL", "url")]).unwrap_err().variable, "EVENT_BUS_NAME");
    let aws = |resource: Option<&str>| EventsConfig::Aws {
        bus_name: "bus".to_owned(),
        queue_url: "url".to_owned(),
        resource: resource.map(str::to_owned),
    };
    assert_eq!(read(&[("EVENT_BUS_NAME", "bus"), ("EXPIRY_QUEUE_URL", "url")]), Ok(aws(None)));
    let named = read(&[("EVENT_BUS_NAME", "bus"), ("EXPIRY_QUEUE_URL", "url"), ("EVENT_RESOURCE", "arn")]);
    assert_eq!(named, Ok(aws(Some("arn"))));
}

#[test]
fn cache_password_is_never_shown() {
    let config = read(&[("TABLE_NAME", "t"), ("CACHE_URL", "redis://:hunter2@cache")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let wrong = read(&[("TABLE_NAME", "t"), ("CACHE_URL", "http://:hunter2@cache")]).unwrap_err();
    assert!(!wrong.to_string().contains("hunter2"));
}
