//! What every store is.

/// Makes a type with a field `records` a [`RecordStore`](oauth_core::record::RecordStore).
macro_rules! record_store {
    ($store:ty) => {
        impl oauth_core::record::RecordStore for $store {
            fn load<'a>(
                &'a self,
                id: &'a oauth_core::record::RecordId,
            ) -> oauth_core::record::Stored<'a, Option<oauth_core::record::Record>> {
                Box::pin(self.records.load(id))
            }

            fn lease<'a>(
                &'a self,
                id: &'a oauth_core::record::RecordId,
                version: u64,
                span: std::time::Duration,
            ) -> oauth_core::record::Stored<'a, Option<oauth_core::record::Lease>> {
                Box::pin(self.records.lease(id, version, span))
            }

            fn commit<'a>(
                &'a self,
                id: &'a oauth_core::record::RecordId,
                lease: &'a oauth_core::record::Lease,
                change: oauth_core::record::Change,
            ) -> oauth_core::record::Stored<'a, oauth_core::record::Committed> {
                Box::pin(self.records.commit(id, lease, change))
            }

            fn put<'a>(
                &'a self,
                id: &'a oauth_core::record::RecordId,
                value: oauth_core::record::RecordValue,
            ) -> oauth_core::record::Stored<'a, u64> {
                Box::pin(async move { self.records.put(id, &value).await })
            }

            fn list<'a>(
                &'a self,
                namespace: &'a str,
                prefix: &'a str,
            ) -> oauth_core::record::Stored<'a, Vec<oauth_core::record::RecordId>> {
                Box::pin(self.records.list(namespace, prefix))
            }

            fn delete<'a>(
                &'a self,
                id: &'a oauth_core::record::RecordId,
            ) -> oauth_core::record::Stored<'a, bool> {
                Box::pin(self.records.delete(id))
            }
        }
    };
}

pub(crate) use record_store;
