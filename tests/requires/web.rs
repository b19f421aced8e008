//! Requirements with an address, from a server of this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::world::World;

/// A server that knows `/data.csv` and `/d.zip`, and how often it was asked.
fn server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let (status, body) = match first.split(' ').nth(1).unwrap() {
                "/data.csv" => ("200 OK", b"a,b\n1,2\n".to_vec()),
                "/d.zip" => ("200 OK", archive()),
                _ => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
            let _ = stream.read(&mut [0; 1]);
        }
    });
    (port, asked)
}

fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("in/x.txt", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"zipped").unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_file_is_downloaded_once_and_linked() {
    let (port, asked) = server();
    let at = |rest: &str| format!("http://127.0.0.1:{port}/{rest}");
    let digest = "492d4a67b8af4f2f4f9d3db6a1f1a1d5b9d4a1a7c2b9c8d4a8b5d9a0a1c1f0ee";
    let text = format!(
        "a: {{exec: cat data.csv, requires: {{url: '{0}'}}}}\nz: {{exec: cat in/x.txt, requires: {{url: '{1}'}}}}\nbad: {{exec: \
         'true', requires: {{url: '{0}', sha256: {digest}}}}}\nnone: {{exec: 'true', requires: {{url: '{2}'}}}}\n",
        at("data.csv"),
        at("d.zip"),
        at("nope")
    );
    let world = World::new(&[("guild.yml", &text)]);
    for _ in 0..2 {
        let said = world.ok("run a -y");
        assert_eq!(said.out, "a,b\n1,2\n");
        assert_eq!(said.err, format!("Resolving {} dependency\n", at("data.csv")));
    }
    assert!(world.place(&world.id("a", 0), "data.csv").is_symlink());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(world.ok("run z -y").out, "zipped");
    let said = world.gage("run bad -y");
    let wrong = format!(
        "'{}' has an unexpected sha256 (expected {digest} but got ",
        at("data.csv")
    );
    assert!(said.err.contains(&wrong), "{}", said.err);
    // It may have changed since it was downloaded.
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let said = world.gage("run none -y");
    let reason = format!("cannot download {}: the server answered with status 404\n", at("nope"));
    assert!(said.err.ends_with(&reason), "{}", said.err);
    assert_eq!(world.runs().len(), 3);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!("a: {{exec: 'true', requires: {{url: 'http://127.0.0.1:{port}/x'}}}}\n");
    let world = World::new(&[("guild.yml", &text)]);
    let said = world.gage("run a -y");
    assert!(said.err.ends_with("/x: Connection refused\n"), "{}", said.err);
    assert_eq!((said.code, world.runs().len()), (1, 0));
    // Its place in the cache holds nothing that would pass for the file.
    assert!(
        world
            .ok("run a --force-deps -y")
            .err
            .contains("WARNING: run failed because a dependency was not met")
    );
}
