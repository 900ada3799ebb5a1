//! The crate that `wkg` reads and writes components with, and ours, on one registry.

use std::fs;

use hookward_registry::{COMPONENT, CONFIG};
use hookward_tests::counterparts::Registry;
use hookward_tests::guest;
use hookward_tests::lab::Lab;
use oci_client_of_wkg::client::{ClientConfig, ClientProtocol};
use oci_client_of_wkg::secrets::RegistryAuth;
use oci_wasm::WasmClient;

use crate::support::{digest, fine, good, push};

#[test]
fn the_layout_is_that_of_wkg() {
    let Some(registry) = Registry::start() else { return };
    let lab = Lab::new();
    let bytes = fs::read(guest("probe")).unwrap();
    push(&lab, &bytes, &registry.reference("acme/probe:1"));

    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
        let client = WasmClient::new(oci_client_of_wkg::Client::new(config));
        let image = format!("{}/acme/probe:1", registry.host()).parse().unwrap();
        let (manifest, config, _) = client.pull_manifest_and_config(&image, &RegistryAuth::Anonymous).await.unwrap();
        assert_eq!((manifest.config.media_type.as_str(), manifest.layers[0].media_type.as_str()), (CONFIG, COMPONENT));
        assert_eq!((config.architecture.as_str(), config.os.as_str()), ("wasm", "wasip2"));
        assert_eq!(config.layer_digests, [digest(&bytes)]);
        let component = config.component.unwrap();
        assert_eq!(component.exports, ["run"]);
        assert!(component.imports.iter().any(|import| import == "hookward:hook/log@0.1.0"), "{:?}", component.imports);
        let data = client.pull(&image, &RegistryAuth::Anonymous).await.unwrap();
        assert_eq!(data.layers[0].data.as_ref(), bytes);

        // And the other way round.
        let (config, layer) = oci_wasm::WasmConfig::from_raw_component(fine("theirs"), None).unwrap();
        let image = format!("{}/theirs:1", registry.host()).parse().unwrap();
        client.push(&image, &RegistryAuth::Anonymous, layer, config, None).await.unwrap();
    });
    good(&lab, &["hook", "pull", &registry.reference("theirs:1")]);
    assert_eq!(fs::read(lab.path("theirs.wasm")).unwrap(), fine("theirs"));
}
