//! Sales of theaters.

use boxoffice::domain::sale::{SaleState, SaleTerms, TheaterSale};
use boxoffice::domain::time::EpochSeconds;
use boxoffice::domain::version::Version;
use boxoffice::store::{LayoutWithSale, PutSaleError};
use boxoffice_tests::dynamodb_proxy::Fault;

use super::*;

fn terms(opens: u64) -> SaleTerms {
    SaleTerms::new(SaleState::Open, Some(EpochSeconds::new(opens)), None, None).unwrap()
}

impl Bench {
    async fn put_sale(&self, sale: &TheaterSale, replaces: Option<Version>) -> Result<(), PutSaleError> {
        self.store.put_theater_sale(&self.ctx, &theater("1"), sale, replaces).await
    }

    async fn sale(&self) -> Option<TheaterSale> {
        self.store.theater_sale(&self.ctx, &theater("1")).await.unwrap()
    }
}

#[tokio::test]
async fn sale_replaces_only_the_known_version() {
    for bench in Bench::each().await {
        assert_eq!(bench.sale().await, None, "{}", bench.engine);
        let first = TheaterSale::put(None, terms(100), START).unwrap();
        bench.put_sale(&first, None).await.unwrap();
        assert!(matches!(bench.put_sale(&first, None).await, Err(PutSaleError::Changed)));
        let second = TheaterSale::put(Some(&first), terms(200), later()).unwrap();
        bench.put_sale(&second, Some(first.version)).await.unwrap();
        let late = TheaterSale::put(Some(&first), terms(300), later()).unwrap();
        assert!(matches!(bench.put_sale(&late, Some(first.version)).await, Err(PutSaleError::Changed)));
        assert_eq!(bench.sale().await, Some(second));
    }
}

#[tokio::test]
async fn lost_answer_to_a_sale_is_recognized() {
    for bench in Bench::each().await {
        bench.proxy.forget_tokens();
        let first = TheaterSale::put(None, terms(100), START).unwrap();
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        bench.put_sale(&first, None).await.unwrap();
        let second = TheaterSale::put(Some(&first), terms(200), later()).unwrap();
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        bench.put_sale(&second, Some(first.version)).await.unwrap();
        assert_eq!(bench.sale().await, Some(second), "{}", bench.engine);
        bench.proxy.next("TransactWriteItems", Fault::CutBefore);
        let other = TheaterSale::put(Some(&first), terms(300), later()).unwrap();
        assert!(matches!(bench.put_sale(&other, Some(first.version)).await, Err(PutSaleError::Changed)));
    }
}

#[tokio::test]
async fn layout_and_sale_are_read_in_one_call() {
    for bench in Bench::each().await {
        let read = async |id: &str| bench.store.layout_with_sale(&bench.ctx, &theater(id)).await.unwrap();
        let layout = async || bench.store.layout(&bench.ctx, &theater("1")).await.unwrap().unwrap();
        assert_eq!(read("1").await, Some(LayoutWithSale { layout: layout().await, sale: None }), "{}", bench.engine);
        let sale = TheaterSale::put(None, terms(100), START).unwrap();
        bench.put_sale(&sale, None).await.unwrap();
        bench.proxy.take();
        let with_sale = read("1").await;
        assert_eq!(bench.calls(), ["BatchGetItem"]);
        assert_eq!(with_sale, Some(LayoutWithSale { layout: layout().await, sale: Some(sale) }));
        assert_eq!(read("3").await, None);
    }
}

#[tokio::test]
async fn largest_layout_is_read_with_its_parts_and_its_sale() {
    for bench in Bench::each().await {
        let hall = snapshots::hall_of_several_items("hall", 1);
        bench.store.put_layout(&bench.ctx, &hall, None).await.unwrap();
        let read = bench.store.layout_with_sale(&bench.ctx, &theater("hall")).await.unwrap();
        assert_eq!(read, Some(LayoutWithSale { layout: hall, sale: None }), "{}", bench.engine);
    }
}
