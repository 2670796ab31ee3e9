//! Snapshots of layouts.

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::store::ShowsAdded;
use boxoffice_tests::dynamodb_proxy::Fault;

use super::*;

/// Makes a hall with labels that are long and hard to pack, so that its plan needs further items.
pub(super) fn hall_of_several_items(theater: &str, version: u64) -> Layout {
    let mut state = 7_u64;
    let mut letter = move || {
        // A linear congruential generator (Knuth's MMIX).
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
    };
    let labels = (0..20_000).map(move |n| format!("{n:05}{}", (0..31).map(|_| letter()).collect::<String>()));
    layout(theater, version, labels)
}

impl Bench {
    async fn snapshot(&self, id: &str, version: u64) -> Option<Layout> {
        self.store.layout_snapshot(&self.ctx, &theater(id), LayoutVersion::new(version)).await.unwrap()
    }
}

#[tokio::test]
async fn snapshot_outlives_its_layout() {
    for bench in Bench::each().await {
        let labels = |labels: &[&str]| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (old, new) = (layout("3", 1, labels(&["A1", "A2"])), layout("3", 2, labels(&["A2"])));
        bench.store.put_layout(&bench.ctx, &old, None).await.unwrap();
        assert_eq!(bench.snapshot("3", 1).await, None, "{}", bench.engine);
        bench.store.put_layout_snapshot(&bench.ctx, &old).await.unwrap();
        let known = bench.store.layout_to_replace(&bench.ctx, &theater("3")).await.unwrap().unwrap().known;
        bench.store.put_layout(&bench.ctx, &new, Some(known)).await.unwrap();
        bench.proxy.take();
        assert_eq!(bench.snapshot("3", 1).await, Some(old));
        assert_eq!(bench.calls(), ["GetItem"]);
        assert_eq!(bench.snapshot("3", 2).await, None);
        assert_eq!(bench.store.layout(&bench.ctx, &theater("3")).await.unwrap(), Some(new));
    }
}

#[tokio::test]
async fn snapshot_of_several_items_keeps_its_own_parts() {
    for bench in Bench::each().await {
        let hall = hall_of_several_items("hall", 1);
        bench.store.put_layout(&bench.ctx, &hall, None).await.unwrap();
        let known = bench.store.layout_to_replace(&bench.ctx, &theater("hall")).await.unwrap().unwrap().known;
        bench.store.put_layout_snapshot(&bench.ctx, &hall).await.unwrap();
        // A repeat does no harm, even if DynamoDB forgot the transaction.
        bench.proxy.forget_tokens();
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        bench.store.put_layout_snapshot(&bench.ctx, &hall).await.unwrap();
        bench.store.remove_layout(&bench.ctx, &theater("hall"), known, ShowsAdded::default()).await.unwrap();
        bench.proxy.take();
        assert_eq!(bench.snapshot("hall", 1).await, Some(hall), "{}", bench.engine);
        assert_eq!(bench.calls(), ["GetItem", "BatchGetItem"], "its plan is in further items");
        // A backup that was taken during the transaction may lack a part.
        let delete = bench.world.client.delete_item().table_name(&bench.world.table);
        let delete = delete.key("pk", AttributeValue::S("THEATER#hall".to_owned()));
        delete.key("sk", AttributeValue::S("LAYOUT#1#SNAPSHOT#0".to_owned())).send().await.unwrap();
        let torn = bench.store.layout_snapshot(&bench.ctx, &theater("hall"), LayoutVersion::new(1)).await;
        assert!(torn.unwrap_err().to_string().contains("plan_parts"));
    }
}

#[tokio::test]
async fn show_with_a_missing_layout_is_an_error() {
    for bench in Bench::each().await {
        let layout = bench.store.layout(&bench.ctx, &theater("1")).await.unwrap().unwrap();
        bench.store.put_layout_snapshot(&bench.ctx, &layout).await.unwrap();
        let mut show = new_show("a", "1", "2026-12-01T20:15:00+01:00");
        show.layout_version = layout.version;
        bench.store.put_show(&bench.ctx, &show, None).await.unwrap();
        let instance = async || bench.world.instance(bench.world.clock.clone()).await;
        assert_eq!(instance().await.show(&bench.ctx, &show.id).await.unwrap().unwrap().show, show);
        let delete = bench.world.client.delete_item().table_name(&bench.world.table);
        let delete = delete.key("pk", AttributeValue::S("THEATER#1".to_owned()));
        let sk = AttributeValue::S(format!("LAYOUT#{}", layout.version));
        delete.key("sk", sk).send().await.unwrap();
        let error = instance().await.show(&bench.ctx, &show.id).await.unwrap_err().to_string();
        let expected = format!("show a needs layout {} of theater 1", layout.version);
        assert!(error.contains(&expected), "{}: {error}", bench.engine);
    }
}
