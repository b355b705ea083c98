create table orders (id integer primary key, item text not null, quantity integer not null);
insert into orders values (1, 'a cup of tea', 2), (2, 'a slice of cake', 1), (3, 'the bill, please', 1);
grant select, insert, update on orders to servicename;
