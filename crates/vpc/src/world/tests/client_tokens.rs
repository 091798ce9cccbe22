use super::*;

const DAY: i64 = 24 * 60 * 60 * 1000;

fn with_token(f: &Fixture, token: &str, at: Timestamp) -> EniSpec {
    EniSpec { client_token: Some(token.to_owned()), now: at, ..f.spec() }
}

#[test]
fn a_repeated_request_returns_the_same_eni() {
    let mut f = Fixture::new();
    let spec = with_token(&f, "t", NOW);
    let eni = f.world.create_eni(spec.clone()).expect("an ENI");
    let before = f.world.clone();
    let later = EniSpec { now: Timestamp(NOW.0 + DAY), ..spec.clone() };
    assert_eq!(f.world.create_eni(later), Ok(eni.clone()));
    assert_eq!(f.world, before, "nothing was created");

    let other = with_token(&f, "u", NOW);
    assert_ne!(f.world.create_eni(other), Ok(eni.clone()));
    let others = EniSpec { owner: other_account(), ..spec.clone() };
    assert_ne!(f.world.create_eni(others), Ok(eni.clone()), "tokens are per account");

    f.world.delete_eni(&eni).expect("deleted");
    assert_eq!(f.world.create_eni(spec), Ok(eni), "a late retry leaks no new ENI");
}

#[test]
fn another_request_with_the_same_token_is_refused() {
    let mut f = Fixture::new();
    let spec = with_token(&f, "t", NOW);
    f.world.create_eni(spec.clone()).expect("an ENI");
    let error = Error::IdempotentParameterMismatch { token: "t".to_owned() };
    let one_more = EniSpec { secondary: AddressRequest::Count(1), ..spec.clone() };
    f.refuses(&error, |w| w.create_eni(one_more));
    let elsewhere = EniSpec { subnet: f.tight.clone(), ..spec };
    f.refuses(&error, |w| w.create_eni(elsewhere));
}

#[test]
fn a_refused_request_does_not_use_up_its_token() {
    let mut f = Fixture::new();
    let tight = f.tight.clone();
    let spec = EniSpec {
        secondary: AddressRequest::Count(11),
        subnet: tight.clone(),
        ..with_token(&f, "t", NOW)
    };
    let error = Error::InsufficientFreeAddresses {
        subnet: tight,
        cidr: "10.0.2.0/28".parse().expect("a CIDR block"),
        requested: 12,
        free: 11,
    };
    f.refuses(&error, |w| w.create_eni(spec.clone()));
    let less = EniSpec { secondary: AddressRequest::Count(10), ..spec };
    f.world.create_eni(less).expect("an ENI");
}

#[test]
fn tokens_are_forgotten_after_a_day() {
    let mut f = Fixture::new();
    let spec = with_token(&f, "t", NOW);
    let first = f.world.create_eni(spec.clone()).expect("an ENI");
    let at = Timestamp(NOW.0 + DAY + 1);
    let second = f.world.create_eni(EniSpec { now: at, ..spec }).expect("an ENI");
    assert_ne!(first, second);
    for n in 0..100 {
        let at = Timestamp(NOW.0 + DAY * 2 * (n + 1));
        let spec = with_token(&f, &format!("t{n}"), at);
        f.world.create_eni(spec).expect("an ENI");
    }
    assert_eq!(f.world.client_tokens.len(), 1, "old ones take no memory");
}

#[test]
fn tokens_are_short_ascii() {
    let mut f = Fixture::new();
    f.world.create_eni(with_token(&f, &"t".repeat(64), NOW)).expect("an ENI");
    for token in ["", "\u{e9}", &"t".repeat(65)] {
        let spec = with_token(&f, token, NOW);
        let error = Error::InvalidClientToken { token: token.to_owned() };
        f.refuses(&error, |w| w.create_eni(spec));
    }
}
